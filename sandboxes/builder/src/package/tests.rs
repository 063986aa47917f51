use super::*;

#[test]
fn other_pins_are_another_cache_entry() {
    let package = Package { name: "a", version: "1", hashes: &["00", "11"] };
    let reordered = Package { hashes: &["11", "00"], ..package };
    let repinned = Package { hashes: &["00", "12"], ..package };
    assert_eq!(package.cache_entry(), reordered.cache_entry());
    assert_ne!(package.cache_entry(), repinned.cache_entry());
}
