//! What nodes share.

use super::*;

#[test]
fn a_node_has_a_name_and_may_share_a_memory() {
    let alone = load(&Sources::default()).unwrap();
    assert_eq!((alone.cluster.node.as_str(), alone.halt.node.as_str()), ("node-1", "node-1"));
    assert_eq!(alone.cluster.redis, None);
    let file = "[cluster]\nnode = \"east-2\"\nredis = \"rediss://node@cache.example:6380\"\nredis_password_file = \"secret\"\n";
    let shared = settings(file);
    let redis = shared.cluster.redis.unwrap();
    assert_eq!((redis.url.as_str(), redis.ca), ("rediss://node@cache.example:6380", None));
    assert!(redis.password_file.unwrap().ends_with("secret"));
    assert_eq!(shared.halt.node, "east-2", "halts of a node name it alike");
    for wrong in [
        "node = \"East\"",
        "redis = \"redis://:hunter2@cache\"",
        "redis_password_file = \"secret\"",
        "redis = \"redis://h\"\nredis_ca = \"x\"",
    ] {
        let told = problems(&format!("[cluster]\n{wrong}\n"));
        assert!(told.contains("cluster.") && !told.contains("hunter2"), "{wrong}: {told}");
    }
}

#[test]
fn nodes_may_share_a_database_and_its_password_is_in_a_file() {
    assert_eq!(load(&Sources::default()).unwrap().cluster.database, None);
    let shared = settings("[cluster]\ndatabase = \"postgresql://c@db.example/countersign\"\ndatabase_password_file = \"secret\"\n");
    let database = shared.cluster.database.unwrap();
    assert_eq!(database.url, "postgresql://c@db.example/countersign");
    assert!(database.password_file.unwrap().ends_with("secret"));
    for wrong in [
        "database = \"postgresql://c:hunter2@db/x\"",
        "database = \"postgresql://c@db/x?password=hunter2\"",
        "database = \"mysql://hunter2\"",
        "database_password_file = \"secret\"",
    ] {
        let told = problems(&format!("[cluster]\n{wrong}\n"));
        assert!(told.contains("cluster.database") && !told.contains("hunter2"), "{wrong}: {told}");
    }
}
