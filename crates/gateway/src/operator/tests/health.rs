//! The plain address for probes.

use super::*;

/// A node that cannot record is healthy, and takes no clients.
#[tokio::test]
async fn a_probe_without_a_certificate_hears_of_health_and_of_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(serve_health(listener, Arc::new(Notebook::default()), stop.clone()));
    for (request, status, body) in [
        (get("/healthz"), 200, "{\"healthy\":true}"),
        (get("/readyz"), 503, "{\"ready\":false}"),
        (get("/metrics"), 404, ""),
        (post("/v1/reload", ""), 404, ""),
        (post("/readyz", ""), 405, ""),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, said) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && said == body, "{request}{answer}");
    }
    stop.cancel();
    serving.await.unwrap();
}
