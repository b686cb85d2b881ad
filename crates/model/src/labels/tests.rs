use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn order_of_insertion_does_not_matter() {
    let one = Labels::from_pairs([("b", "2"), ("a", "1")]);
    let other = Labels::from_pairs([("a", "1"), ("b", "2"), ("c", "")]);
    assert_eq!(one, other);
    assert_eq!(one.as_bytes(), other.as_bytes());
}

#[test]
fn a_long_value_keeps_its_length() {
    let long = "x".repeat(70_000);
    let labels = Labels::from_pairs([("a", long.as_str())]);
    assert_eq!(labels.get("a"), long);
    assert_eq!(Labels::from_bytes(labels.as_bytes()), Some(labels));
}

#[test]
fn labels_print_as_a_selector() {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "a\"b")]);
    assert_eq!(labels.to_string(), r#"up{job="a\"b"}"#);
    assert_eq!(Labels::from_pairs([("__name__", "up")]).to_string(), "up");
    assert_eq!(Labels::empty().to_string(), "{}");
}

proptest! {
    #[test]
    fn a_label_set_is_a_sorted_map(
        pairs in proptest::collection::vec(("[a-e]{0,2}", "[x-z]{0,2}"), 0..8)
    ) {
        let mut map: BTreeMap<_, _> = pairs.iter().cloned().collect();
        map.retain(|_, value| !value.is_empty());
        let labels = Labels::from_pairs(pairs);
        let read: Vec<_> = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        prop_assert_eq!(&read, &map.clone().into_iter().collect::<Vec<_>>());
        for name in ["a", "b", "ab", "zz"] {
            prop_assert_eq!(labels.get(name), map.get(name).map_or("", |value| value));
        }
        let ordered = Labels::from_ordered(labels.iter(), &mut vec![1, 2, 3]);
        prop_assert_eq!(ordered.as_ref(), Some(&labels));
        prop_assert_eq!(Labels::from_bytes(labels.as_bytes()), Some(labels));
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in proptest::collection::vec(0u8..6, 0..12)) {
        if let Some(labels) = Labels::from_bytes(&bytes) {
            let again = Labels::from_pairs(labels.iter());
            prop_assert_eq!(again.as_bytes(), &bytes[..]);
        }
    }
}

#[test]
fn what_is_not_in_order_is_no_label_set() {
    for pairs in [
        [("b", "1"), ("a", "1")],
        [("a", "1"), ("a", "2")],
        [("a", ""), ("b", "1")],
    ] {
        assert_eq!(
            Labels::from_ordered(pairs.into_iter(), &mut Vec::new()),
            None
        );
    }
}
