use super::*;

/// A tree with one root and these files below it.
fn tree(files: &[(&str, &str)]) -> (FileTree, NodeId) {
    let mut tree = FileTree::default();
    let root = tree.add_root("python");
    for (path, text) in files {
        tree.add_file(root, path, text.as_bytes().to_vec());
    }
    (tree, root)
}

/// The names in a folder, each folder's with a slash.
fn listed(tree: &mut FileTree, folder: NodeId) -> Vec<String> {
    let listing = tree.open_listing(folder).expect("a folder can be listed");
    let mut names = Vec::new();
    while let Some((name, node)) = tree.next_entry(listing) {
        let slash = if tree.kind(node) == Some(NodeKind::Folder) { "/" } else { "" };
        names.push(name + slash);
    }
    assert_eq!(tree.next_entry(listing), None, "a listing stays at its end");
    names
}

#[track_caller]
fn check_resolved(path: &str, expected: Option<&str>) {
    let (tree, root) = tree(&[("os.py", "os"), ("json/decoder.py", "decoder"), ("json/__init__.py", "init")]);
    let found = tree.resolve(root, path);
    match expected {
        None => assert_eq!(found, None, "{path}"),
        // A folder stands for itself by its kind.
        Some("/") => assert_eq!(found.and_then(|node| tree.kind(node)), Some(NodeKind::Folder), "{path}"),
        Some(text) => assert_eq!(found.and_then(|node| tree.bytes(node)), Some(text.as_bytes()), "{path}"),
    }
}

#[test]
fn a_path_leads_to_what_was_put_there_and_nowhere_else() {
    check_resolved("os.py", Some("os"));
    check_resolved("json/decoder.py", Some("decoder"));
    check_resolved("./json//./decoder.py", Some("decoder"));
    check_resolved("/json/__init__.py", Some("init"));
    check_resolved("json", Some("/"));
    check_resolved("json/", Some("/"));
    check_resolved("", Some("/"));
    check_resolved(".", Some("/"));
    check_resolved("os", None);
    check_resolved("OS.py", None);
    check_resolved("os.py/x", None);
    check_resolved("json/absent.py", None);
    check_resolved("absent/decoder.py", None);
    // There is no way up, neither inside the tree nor out of it.
    check_resolved("json/../os.py", None);
    check_resolved("..", None);
    check_resolved("../../etc/passwd", None);
}

#[test]
fn a_listing_is_in_the_order_of_the_names_whatever_the_order_of_arrival() {
    let files = [("b/y", ""), ("a", ""), ("c", ""), ("b/x", ""), ("Z", ""), ("é", "")];
    let (mut forward, root) = tree(&files);
    let mut reversed = files;
    reversed.reverse();
    let (mut backward, other) = tree(&reversed);
    assert_eq!(listed(&mut forward, root), ["Z", "a", "b/", "c", "é"]);
    assert_eq!(listed(&mut backward, other), listed(&mut forward, root));
    let folder = forward.resolve(root, "b").unwrap();
    assert_eq!(listed(&mut forward, folder), ["x", "y"]);
    let file = forward.resolve(root, "a").unwrap();
    assert_eq!(forward.open_listing(file), None, "a file cannot be listed");
    assert_eq!(forward.next_entry(99), None);
}

#[test]
fn a_later_file_of_the_same_name_replaces_the_earlier() {
    let (mut tree, root) = tree(&[("a/b", "first"), ("a/b", "second")]);
    let file = tree.resolve(root, "a/b").unwrap();
    assert_eq!(tree.bytes(file), Some(&b"second"[..]));
    let folder = tree.resolve(root, "a").unwrap();
    assert_eq!(listed(&mut tree, folder), ["b"]);
}

#[test]
fn roots_are_apart_from_each_other() {
    let mut tree = FileTree::default();
    let (python, guest) = (tree.add_root("python"), tree.add_root("guest"));
    tree.add_file(guest, "world.py", b"x".to_vec());
    assert_eq!(tree.roots(), [("python".to_owned(), python), ("guest".to_owned(), guest)]);
    assert_eq!(tree.resolve(python, "world.py"), None);
    assert_eq!(tree.resolve(python, "guest/world.py"), None);
    assert!(tree.resolve(guest, "world.py").is_some());
}

/// Reads a file of ten bytes from an offset in pieces of these lengths.
#[track_caller]
fn check_stream(offset: usize, lengths: &[usize], expected: &[&str]) {
    let (mut tree, root) = tree(&[("digits", "0123456789")]);
    let file = tree.resolve(root, "digits").unwrap();
    let stream = tree.open_stream(file, offset);
    let other = tree.open_stream(file, 0);
    let read: Vec<String> =
        lengths.iter().map(|length| String::from_utf8(tree.read(stream, *length)).unwrap()).collect();
    assert_eq!(read, expected, "from {offset} by {lengths:?}");
    assert_eq!(tree.read(other, 3), b"012", "streams do not move each other");
}

#[test]
fn a_stream_goes_on_where_it_stopped_and_ends_at_the_end() {
    check_stream(0, &[4, 4, 4, 4], &["0123", "4567", "89", ""]);
    check_stream(0, &[0, 10, 1], &["", "0123456789", ""]);
    check_stream(3, &[100], &["3456789"]);
    check_stream(3, &[usize::MAX, usize::MAX], &["3456789", ""]);
    check_stream(10, &[1], &[""]);
    check_stream(11, &[1, 1], &["", ""]);
    check_stream(usize::MAX, &[1], &[""]);
}

#[test]
fn what_is_no_file_reads_as_nothing() {
    let (mut tree, root) = tree(&[("a/b", "x")]);
    let stream = tree.open_stream(root, 0);
    assert_eq!(tree.read(stream, 5), b"");
    assert_eq!(tree.read(stream + 1, 5), b"", "a stream that was never opened");
    assert_eq!(tree.bytes(root), None);
    assert_eq!((tree.kind(1000), tree.bytes(1000)), (None, None));
}

/// An archive with entries of these paths, kinds and contents.
fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        // Written by hand, since the setter refuses the paths that an attack has.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(text.len() as u64);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[track_caller]
fn check_archive(entries: &[(&str, tar::EntryType, &str)], expected: Option<&[(&str, &str)]>) {
    let (mut tree, root) = tree(&[]);
    let added = tree.add_archive(root, &archive(entries));
    let Some(expected) = expected else {
        assert!(added.is_err(), "{entries:?}");
        return;
    };
    added.unwrap();
    for (path, text) in expected {
        let node = tree.resolve(root, path).unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!(tree.bytes(node), Some(text.as_bytes()), "{path}");
    }
    let files = (0..).map_while(|node| tree.kind(node)).filter(|kind| *kind == NodeKind::File).count();
    assert_eq!(files, expected.len(), "{entries:?}");
}

#[test]
fn an_archive_gives_its_files_and_no_others() {
    use tar::EntryType::{Directory, Regular, Symlink};
    check_archive(&[], Some(&[]));
    check_archive(&[("os.py", Regular, "os")], Some(&[("os.py", "os")]));
    check_archive(
        &[("json/", Directory, ""), ("./json/decoder.py", Regular, "x"), ("json/empty.py", Regular, "")],
        Some(&[("json/decoder.py", "x"), ("json/empty.py", "")]),
    );
    check_archive(&[("link", Symlink, ""), ("a", Regular, "a")], Some(&[("a", "a")]));
    check_archive(&[("../escape.py", Regular, "x")], None);
    check_archive(&[("a/../../escape.py", Regular, "x")], None);
    check_archive(&[("/etc/passwd", Regular, "x")], None);
}

#[test]
fn an_archive_that_is_cut_short_is_refused() {
    let whole = archive(&[("os.py", tar::EntryType::Regular, "a text of some length")]);
    let (mut tree, root) = tree(&[]);
    assert!(tree.add_archive(root, &whole[..520]).is_err());
    assert!(tree.add_archive(root, b"no archive at all, but long enough".repeat(40).as_slice()).is_err());
}
