//! The files that the interpreter reads while the guest is built: a read-only tree in memory, the same everywhere.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::path::Component as Segment;

/// Index into the tree.
pub(super) type NodeId = u32;

enum Node {
    File(Vec<u8>),
    Folder(BTreeMap<String, NodeId>),
}

/// Kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    File,
    Folder,
}

/// A tree of files, with the streams and listings that are open in it.
#[derive(Default)]
pub(super) struct FileTree {
    nodes: Vec<Node>,
    roots: Vec<(String, NodeId)>,
    /// For each open stream, the file and the number of bytes that were read.
    streams: Vec<(NodeId, usize)>,
    /// For each open listing, the entries that are left.
    listings: Vec<VecDeque<(String, NodeId)>>,
}

impl FileTree {
    /// Adds a folder at the root.
    pub(super) fn add_root(&mut self, name: &str) -> NodeId {
        let id = self.add(Node::Folder(BTreeMap::new()));
        self.roots.push((name.to_owned(), id));
        id
    }

    /// Adds a file below a folder, making the folders between them.
    pub(super) fn add_file(&mut self, folder: NodeId, path: &str, bytes: Vec<u8>) {
        let mut at = folder;
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        for segment in segments(folders) {
            at = match self.child(at, segment) {
                Some(found) => found,
                None => {
                    let made = self.add(Node::Folder(BTreeMap::new()));
                    self.link(at, segment, made);
                    made
                }
            };
        }
        let file = self.add(Node::File(bytes));
        self.link(at, name, file);
    }

    /// Adds the files of a tar archive below a folder.
    pub(super) fn add_archive(&mut self, folder: NodeId, archive: &[u8]) -> io::Result<()> {
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            if entry.header().entry_type().is_file() {
                let segments = entry.path()?.components().map(name_of).collect::<Option<Vec<_>>>();
                let path = segments.ok_or_else(|| io::Error::other("a path leaves the archive"))?.join("/");
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                self.add_file(folder, &path, bytes);
            }
        }
        Ok(())
    }

    /// The folders at the root, by name.
    pub(super) fn roots(&self) -> &[(String, NodeId)] {
        &self.roots
    }

    /// The node at a path below another node.
    pub(super) fn resolve(&self, from: NodeId, path: &str) -> Option<NodeId> {
        segments(path).try_fold(from, |at, name| self.child(at, name))
    }

    /// The kind of a node; `None` if there is no such node.
    pub(super) fn kind(&self, node: NodeId) -> Option<NodeKind> {
        Some(match self.nodes.get(node as usize)? {
            Node::File(_) => NodeKind::File,
            Node::Folder(_) => NodeKind::Folder,
        })
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, node: NodeId) -> Option<&[u8]> {
        match self.nodes.get(node as usize) {
            Some(Node::File(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Opens a stream over a file, beginning at an offset, and returns its number.
    pub(super) fn open_stream(&mut self, file: NodeId, offset: usize) -> u32 {
        self.streams.push((file, offset));
        u32::try_from(self.streams.len() - 1).expect("fewer streams than handles")
    }

    /// The next bytes of a stream; empty at the end, and for a folder.
    pub(super) fn read(&mut self, stream: u32, length: usize) -> Vec<u8> {
        let Some((node, offset)) = self.streams.get(stream as usize).copied() else { return Vec::new() };
        let rest = self.bytes(node).unwrap_or_default().get(offset..).unwrap_or_default();
        let taken = rest[..length.min(rest.len())].to_vec();
        self.streams[stream as usize].1 += taken.len();
        taken
    }

    /// Opens a listing of a folder and returns its number; `None` for a file.
    pub(super) fn open_listing(&mut self, folder: NodeId) -> Option<u32> {
        let Some(Node::Folder(children)) = self.nodes.get(folder as usize) else { return None };
        self.listings.push(children.iter().map(|(name, node)| (name.clone(), *node)).collect());
        Some(u32::try_from(self.listings.len() - 1).expect("fewer listings than handles"))
    }

    /// The next entry of a listing, in the order of the names.
    pub(super) fn next_entry(&mut self, listing: u32) -> Option<(String, NodeId)> {
        self.listings.get_mut(listing as usize)?.pop_front()
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId::try_from(self.nodes.len() - 1).expect("fewer files than a number can count")
    }

    fn link(&mut self, folder: NodeId, name: &str, child: NodeId) {
        if let Node::Folder(children) = &mut self.nodes[folder as usize] {
            children.insert(name.to_owned(), child);
        }
    }

    fn child(&self, folder: NodeId, name: &str) -> Option<NodeId> {
        match self.nodes.get(folder as usize)? {
            Node::Folder(children) => children.get(name).copied(),
            Node::File(_) => None,
        }
    }
}

/// The names in a path, without empty ones and `.`.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty() && *segment != ".")
}

fn name_of(segment: Segment<'_>) -> Option<String> {
    match segment {
        Segment::Normal(name) => name.to_str().map(str::to_owned),
        Segment::CurDir => Some(".".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
