//! The files that the interpreter reads while the guest is built: a read-only tree in memory, the same everywhere.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::path::Component as Segment;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource, flags};

use crate::world::{Datetime, Descriptor, InputStream, World};

/// An index into the tree.
type NodeId = u32;

enum Node {
    File(Vec<u8>),
    Folder(BTreeMap<String, NodeId>),
}

/// A tree of files, and what is open in it.
pub(crate) struct Files {
    nodes: Vec<Node>,
    roots: Vec<(String, NodeId)>,
    /// Each open stream: the file and how much of it was read.
    streams: Vec<(NodeId, usize)>,
    /// Each open listing: the names that are left.
    listings: Vec<VecDeque<(String, NodeId)>>,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new(), roots: Vec::new(), streams: Vec::new(), listings: Vec::new() }
    }

    /// A new folder at the root.
    pub(crate) fn root(&mut self, name: &str) -> NodeId {
        let id = self.add(Node::Folder(BTreeMap::new()));
        self.roots.push((name.to_owned(), id));
        id
    }

    /// Puts a file below a folder, making the folders between them.
    pub(crate) fn put(&mut self, folder: NodeId, path: &str, bytes: Vec<u8>) {
        let mut at = folder;
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        for segment in folders.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
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

    /// Puts the files of a tar archive below a folder.
    pub(crate) fn put_archive(&mut self, folder: NodeId, archive: &[u8]) -> io::Result<()> {
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            if entry.header().entry_type().is_file() {
                let segments = entry.path()?.components().map(name_of).collect::<Option<Vec<_>>>();
                let path = segments.ok_or_else(|| io::Error::other("a path leaves the archive"))?.join("/");
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                self.put(folder, &path, bytes);
            }
        }
        Ok(())
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

    fn resolve(&self, from: &Resource<Descriptor>, path: &str) -> Result<NodeId, ErrorCode> {
        let segments = path.split('/').filter(|segment| !segment.is_empty() && *segment != ".");
        segments.into_iter().try_fold(from.rep(), |at, name| self.child(at, name)).ok_or(ErrorCode::NoEntry)
    }

    fn stat(&self, node: NodeId) -> DescriptorStat {
        let size = match self.nodes.get(node as usize) {
            Some(Node::File(bytes)) => bytes.len() as u64,
            _ => 0,
        };
        let when = Some(Datetime { seconds: 0, nanoseconds: 0 });
        DescriptorStat { kind: self.kind(node), links: 1, size, accessed: when, modified: when, changed: when }
    }

    fn kind(&self, node: NodeId) -> DescriptorType {
        match self.nodes.get(node as usize) {
            Some(Node::File(_)) => DescriptorType::RegularFile,
            Some(Node::Folder(_)) => DescriptorType::Directory,
            None => DescriptorType::Unknown,
        }
    }

    fn bytes(&self, node: NodeId) -> Result<&[u8], ErrorCode> {
        match self.nodes.get(node as usize) {
            Some(Node::File(bytes)) => Ok(bytes),
            _ => Err(ErrorCode::IsDirectory),
        }
    }

    /// The next bytes of a stream that `open` made.
    pub(crate) fn read(&mut self, stream: u32, length: usize) -> Vec<u8> {
        let Some((node, offset)) = self.streams.get(stream as usize).copied() else { return Vec::new() };
        let rest = self.bytes(node).unwrap_or_default().get(offset..).unwrap_or_default();
        let taken = rest[..length.min(rest.len())].to_vec();
        self.streams[stream as usize].1 += taken.len();
        taken
    }
}

fn name_of(segment: Segment<'_>) -> Option<String> {
    match segment {
        Segment::Normal(name) => name.to_str().map(str::to_owned),
        Segment::CurDir => Some(".".to_owned()),
        _ => None,
    }
}

pub(crate) struct Listing;

flags! {
    DescriptorFlags {
        #[component(name = "read")]
        const READ;
        #[component(name = "write")]
        const WRITE;
        #[component(name = "file-integrity-sync")]
        const FILE_INTEGRITY_SYNC;
        #[component(name = "data-integrity-sync")]
        const DATA_INTEGRITY_SYNC;
        #[component(name = "requested-write-sync")]
        const REQUESTED_WRITE_SYNC;
        #[component(name = "mutate-directory")]
        const MUTATE_DIRECTORY;
    }
}

flags! {
    PathFlags {
        #[component(name = "symlink-follow")]
        const SYMLINK_FOLLOW;
    }
}

flags! {
    OpenFlags {
        #[component(name = "create")]
        const CREATE;
        #[component(name = "directory")]
        const DIRECTORY;
        #[component(name = "exclusive")]
        const EXCLUSIVE;
        #[component(name = "truncate")]
        const TRUNCATE;
    }
}

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct HashValue {
    lower: u64,
    upper: u64,
}

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct DescriptorStat {
    #[component(name = "type")]
    kind: DescriptorType,
    #[component(name = "link-count")]
    links: u64,
    size: u64,
    #[component(name = "data-access-timestamp")]
    accessed: Option<Datetime>,
    #[component(name = "data-modification-timestamp")]
    modified: Option<Datetime>,
    #[component(name = "status-change-timestamp")]
    changed: Option<Datetime>,
}

#[derive(Clone, ComponentType, Lift, Lower)]
#[component(record)]
struct DirectoryEntry {
    #[component(name = "type")]
    kind: DescriptorType,
    name: String,
}

/// Declares an enumeration of the system interface: every case has to be there, though few are used.
macro_rules! cases {
    ($name:ident: $($case:ident = $wire:literal),+ $(,)?) => {
        #[derive(Clone, Copy, ComponentType, Lift, Lower)]
        #[component(enum)]
        #[repr(u8)]
        #[expect(dead_code, reason = "the interface has more cases than a read-only tree has uses for")]
        enum $name {
            $(#[component(name = $wire)] $case),+
        }
    };
}

cases!(DescriptorType:
    Unknown = "unknown", BlockDevice = "block-device", CharacterDevice = "character-device", Directory = "directory",
    Fifo = "fifo", SymbolicLink = "symbolic-link", RegularFile = "regular-file", Socket = "socket",
);

cases!(ErrorCode:
    Access = "access", WouldBlock = "would-block", Already = "already", BadDescriptor = "bad-descriptor", Busy = "busy",
    Deadlock = "deadlock", Quota = "quota", Exist = "exist", FileTooLarge = "file-too-large",
    IllegalByteSequence = "illegal-byte-sequence", InProgress = "in-progress", Interrupted = "interrupted",
    Invalid = "invalid", Io = "io", IsDirectory = "is-directory", Loop = "loop", TooManyLinks = "too-many-links",
    MessageSize = "message-size", NameTooLong = "name-too-long", NoDevice = "no-device", NoEntry = "no-entry",
    NoLock = "no-lock", InsufficientMemory = "insufficient-memory", InsufficientSpace = "insufficient-space",
    NotDirectory = "not-directory", NotEmpty = "not-empty", NotRecoverable = "not-recoverable",
    Unsupported = "unsupported", NoTty = "no-tty", NoSuchDevice = "no-such-device", Overflow = "overflow",
    NotPermitted = "not-permitted", Pipe = "pipe", ReadOnly = "read-only", InvalidSeek = "invalid-seek",
    TextFileBusy = "text-file-busy", CrossDevice = "cross-device",
);

type Guest<'a> = StoreContextMut<'a, World>;
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;
type This<T> = (Resource<T>,);

/// Defines the interfaces of the file system over the tree that the world holds.
pub(crate) fn define(interface: &str, to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    match interface {
        "wasi:filesystem/preopens" => to.func_wrap("get-directories", |mut guest: Guest<'_>, (): ()| {
            let roots = guest.data_mut().files()?.roots.clone();
            let open = |(name, node)| Ok((guest.data_mut().handle::<Descriptor>(node)?, name));
            Ok((roots.into_iter().map(open).collect::<wasmtime::Result<Vec<_>>>()?,))
        }),
        "wasi:filesystem/types" => {
            define_looking(to)?;
            define_reading(to)?;
            define_listing(to)
        }
        _ => Ok(()),
    }
}

fn define_looking(to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    to.func_wrap("[method]descriptor.get-flags", |_, (_,): This<Descriptor>| -> Answer<DescriptorFlags> {
        Ok((Ok(DescriptorFlags::READ),))
    })?;
    to.func_wrap(
        "[method]descriptor.get-type",
        |mut guest: Guest<'_>, (this,): This<Descriptor>| -> Answer<DescriptorType> {
            Ok((Ok(guest.data_mut().files()?.kind(this.rep())),))
        },
    )?;
    to.func_wrap(
        "[method]descriptor.stat",
        |mut guest: Guest<'_>, (this,): This<Descriptor>| -> Answer<DescriptorStat> {
            Ok((Ok(guest.data_mut().files()?.stat(this.rep())),))
        },
    )?;
    to.func_wrap(
        "[method]descriptor.stat-at",
        |mut guest: Guest<'_>, (this, _, path): (Resource<Descriptor>, PathFlags, String)| -> Answer<DescriptorStat> {
            let files = guest.data_mut().files()?;
            Ok((files.resolve(&this, &path).map(|node| files.stat(node)),))
        },
    )?;
    // The identity of a file is its number in the tree.
    let hash = |node: NodeId| HashValue { lower: u64::from(node), upper: 0 };
    to.func_wrap("[method]descriptor.metadata-hash", move |_, (this,): This<Descriptor>| -> Answer<HashValue> {
        Ok((Ok(hash(this.rep())),))
    })?;
    to.func_wrap(
        "[method]descriptor.metadata-hash-at",
        move |mut guest: Guest<'_>, (this, _, path): (Resource<Descriptor>, PathFlags, String)| -> Answer<HashValue> {
            Ok((guest.data_mut().files()?.resolve(&this, &path).map(hash),))
        },
    )
}

fn define_reading(to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    type Opening = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
    to.func_wrap(
        "[method]descriptor.open-at",
        |mut guest: Guest<'_>, (this, _, path, how, _): Opening| -> Answer<Resource<Descriptor>> {
            let files = guest.data_mut().files()?;
            let node = match files.resolve(&this, &path) {
                Ok(node) => node,
                Err(error) => return Ok((Err(error),)),
            };
            if how.contains(OpenFlags::DIRECTORY) && matches!(files.kind(node), DescriptorType::RegularFile) {
                return Ok((Err(ErrorCode::NotDirectory),));
            }
            Ok((Ok(guest.data_mut().handle(node)?),))
        },
    )?;
    to.func_wrap(
        "[method]descriptor.read",
        |mut guest: Guest<'_>, (this, length, offset): (Resource<Descriptor>, u64, u64)| -> Answer<(Vec<u8>, bool)> {
            let files = guest.data_mut().files()?;
            Ok((files.bytes(this.rep()).map(|bytes| {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(bytes.len());
                (bytes[start..end].to_vec(), end == bytes.len())
            }),))
        },
    )?;
    to.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut guest: Guest<'_>, (this, offset): (Resource<Descriptor>, u64)| -> Answer<Resource<InputStream>> {
            let files = guest.data_mut().files()?;
            files.streams.push((this.rep(), usize::try_from(offset).unwrap_or(usize::MAX)));
            // Stream 0 is standard input.
            let stream = u32::try_from(files.streams.len()).expect("fewer streams than handles");
            Ok((Ok(guest.data_mut().handle(stream)?),))
        },
    )
}

fn define_listing(to: &mut LinkerInstance<'_, World>) -> wasmtime::Result<()> {
    to.func_wrap(
        "[method]descriptor.read-directory",
        |mut guest: Guest<'_>, (this,): This<Descriptor>| -> Answer<Resource<Listing>> {
            let files = guest.data_mut().files()?;
            let Some(Node::Folder(children)) = files.nodes.get(this.rep() as usize) else {
                return Ok((Err(ErrorCode::NotDirectory),));
            };
            let names = children.iter().map(|(name, node)| (name.clone(), *node)).collect();
            files.listings.push(names);
            let listing = u32::try_from(files.listings.len() - 1).expect("fewer listings than handles");
            Ok((Ok(guest.data_mut().handle(listing)?),))
        },
    )?;
    to.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut guest: Guest<'_>, (this,): This<Listing>| -> Answer<Option<DirectoryEntry>> {
            let files = guest.data_mut().files()?;
            let next = files.listings.get_mut(this.rep() as usize).and_then(VecDeque::pop_front);
            Ok((Ok(next.map(|(name, node)| DirectoryEntry { kind: files.kind(node), name })),))
        },
    )
}
