//! Roots and proofs: the vectors of Certificate Transparency, a naive tree, and every change refused.

use countersign_audit_tree::proof::{Collector, consistency, inclusion, verify_consistency, verify_inclusion};
use countersign_audit_tree::{Frontier, Hash, leaf_hash};
use proptest::prelude::*;

use super::support::{collect, leaves, naive_consistency, naive_inclusion, naive_root};

/// The leaves and roots that the reference implementations of RFC 6962 test with.
#[test]
fn the_vectors_of_certificate_transparency_hold() {
    const INPUTS: [&str; 8] = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Frontier::new();
    assert_eq!(tree.root().to_string(), ROOTS[0]);
    for (input, root) in INPUTS.iter().zip(&ROOTS[1..]) {
        tree.push(leaf_hash(&hex(input)));
        assert_eq!(tree.root().to_string(), *root);
    }
    let all: Vec<_> = INPUTS.iter().map(|input| leaf_hash(&hex(input))).collect();
    // Paths of the same suite: leaf 5 of 8, and from 6 to 8.
    let path: Vec<_> = collect(inclusion(5, 8).unwrap(), &all).unwrap().iter().map(Hash::to_string).collect();
    assert_eq!(
        path,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    let path: Vec<_> = collect(consistency(6, 8).unwrap(), &all).unwrap().iter().map(Hash::to_string).collect();
    assert_eq!(
        path,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_small_tree_agrees_with_the_naive_one() {
    for size in 0..=65_u64 {
        let all = leaves(size);
        let mut tree = Frontier::new();
        all.iter().for_each(|leaf| tree.push(*leaf));
        let root = naive_root(&all);
        assert_eq!((tree.size(), tree.root()), (size, root));
        assert_eq!(Frontier::from_peaks(size, tree.peaks().to_vec()), Some(tree.clone()));
        for n in 0..size {
            let path = collect(inclusion(n, size).unwrap(), &all).unwrap();
            assert_eq!(path, naive_inclusion(usize::try_from(n).unwrap(), &all), "{n} of {size}");
            assert!(verify_inclusion(n, size, all[usize::try_from(n).unwrap()], &path, root));
        }
        for first in 1..=size {
            let path = collect(consistency(first, size).unwrap(), &all).unwrap();
            assert_eq!(path, naive_consistency(usize::try_from(first).unwrap(), &all, true), "{first} of {size}");
            let first_root = naive_root(&all[..usize::try_from(first).unwrap()]);
            assert!(verify_consistency(first, size, first_root, root, &path), "{first} of {size}");
        }
        assert_eq!((inclusion(size, size), consistency(0, size), consistency(size + 1, size)), (None, None, None));
    }
}

#[test]
fn a_collector_that_lacks_a_leaf_gives_nothing() {
    let all = leaves(7);
    assert_eq!(collect(inclusion(2, 8).unwrap(), &all), None);
    assert!(collect(inclusion(2, 7).unwrap(), &all).is_some());
}

#[test]
fn peaks_must_fit_the_size() {
    let peak = leaf_hash(b"");
    assert!(Frontier::from_peaks(2, vec![peak]).is_some());
    assert_eq!(Frontier::from_peaks(3, vec![peak]), None);
    assert_eq!(Frontier::from_peaks(0, vec![peak]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What was moved to an archive is known by its subtrees only, and that is enough for all that came after.
    #[test]
    fn proofs_of_what_came_later_need_only_the_subtrees_of_what_came_before(size in 2_u64..400, at in 0_u64..400, n in 0_u64..400) {
        let (at, n) = (at % size, n % size);
        prop_assume!(n >= at);
        let all = leaves(size);
        let mut before = Frontier::new();
        all.iter().take(usize::try_from(at).unwrap()).for_each(|leaf| before.push(*leaf));
        for spans in [inclusion(n, size).unwrap(), consistency(at.max(1), size).unwrap()] {
            let mut collector = Collector::new(spans.clone());
            before.subtrees().for_each(|(start, leaves, hash)| collector.subtree(start, leaves, hash));
            (at..size).for_each(|n| collector.leaf(n, all[usize::try_from(n).unwrap()]));
            prop_assert_eq!(collector.finish(), collect(spans, &all));
        }
    }

    #[test]
    fn no_changed_inclusion_is_believed(size in 1_u64..300, n in 0_u64..300, change in 0_usize..400, bit in 0_usize..256) {
        let n = n % size;
        let all = leaves(size);
        let leaf = all[usize::try_from(n).unwrap()];
        let root = naive_root(&all);
        let path = collect(inclusion(n, size).unwrap(), &all).unwrap();
        prop_assert!(verify_inclusion(n, size, leaf, &path, root));
        prop_assert!(!verify_inclusion(n, size, flip(leaf, bit), &path, root));
        prop_assert!(!verify_inclusion(n, size, leaf, &path, flip(root, bit)));
        prop_assert!(!verify_inclusion(n, size, leaf, &[path.clone(), vec![leaf]].concat(), root));
        prop_assert!(!verify_inclusion(size, size, leaf, &path, root));
        if !path.is_empty() {
            let mut changed = path.clone();
            let at = change % path.len();
            changed[at] = flip(changed[at], bit);
            prop_assert!(!verify_inclusion(n, size, leaf, &changed, root));
            prop_assert!(!verify_inclusion(n, size, leaf, &path[1..], root));
            prop_assert!(!verify_inclusion(n, size, leaf, &path[..path.len() - 1], root));
        }
    }

    #[test]
    fn no_changed_consistency_is_believed(second in 2_u64..300, first in 1_u64..300, change in 0_usize..400, bit in 0_usize..256) {
        let first = 1 + first % (second - 1);
        let all = leaves(second);
        let (old, new) = (naive_root(&all[..usize::try_from(first).unwrap()]), naive_root(&all));
        let path = collect(consistency(first, second).unwrap(), &all).unwrap();
        prop_assert!(verify_consistency(first, second, old, new, &path));
        prop_assert!(!verify_consistency(first, second, flip(old, bit), new, &path));
        prop_assert!(!verify_consistency(first, second, old, flip(new, bit), &path));
        prop_assert!(!verify_consistency(second, first, new, old, &path));
        prop_assert!(!verify_consistency(first, second, old, new, &path[..path.len() - 1]));
        prop_assert!(!verify_consistency(first, second, old, new, &[path.clone(), vec![old]].concat()));
        let mut changed = path.clone();
        let at = change % path.len();
        changed[at] = flip(changed[at], bit);
        prop_assert!(!verify_consistency(first, second, old, new, &changed));
    }
}

fn flip(hash: Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}
