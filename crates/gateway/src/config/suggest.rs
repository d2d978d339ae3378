//! Did you mean: the nearest known key for an unknown one.

/// The known word nearest to `unknown`, if one is near enough to be a slip of the finger.
pub(super) fn nearest<'k>(unknown: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let furthest = (unknown.len() / 3).clamp(1, 6);
    let near = known.into_iter().map(|word| (distance(unknown, word), word)).filter(|(steps, _)| *steps <= furthest);
    near.min().map(|(_, word)| word)
}

/// Levenshtein distance: insertions, deletions and substitutions of bytes.
fn distance(one: &str, two: &str) -> usize {
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in two.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_steps_between_words() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["limits.head_bytes_max", "listen.address", "log.level"];
        assert_eq!(nearest("limit.head_bytes_max", known), Some("limits.head_bytes_max"));
        assert_eq!(nearest("listen.adress", known), Some("listen.address"));
        assert_eq!(nearest("colour", known), None);
    }
}
