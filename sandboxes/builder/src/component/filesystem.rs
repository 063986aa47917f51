//! The interfaces `wasi:filesystem` over a file tree, read-only.

use sandboxes::host::{Datetime, InputStream};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource, flags};

use super::build_world::BuildWorld;
use super::tree::{FileTree, NodeId, NodeKind};

/// Host type behind the handle `descriptor`; the representation is the node in the tree.
pub(super) struct Descriptor;
/// Host type behind the handle `directory-entry-stream`; the representation is the number of the listing.
pub(super) struct Listing;

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

/// Declares an enum of the WASI interface: the type must have every case, though few are used.
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

type Store<'a> = StoreContextMut<'a, BuildWorld>;
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;
type This<T> = (Resource<T>,);

/// Defines the interfaces of the file system over the tree of the build world.
pub(super) fn define(interface: &str, to: &mut LinkerInstance<'_, BuildWorld>) -> wasmtime::Result<()> {
    match interface {
        "wasi:filesystem/preopens" => to.func_wrap("get-directories", |mut store: Store<'_>, (): ()| {
            let BuildWorld { world, files, is_closed, .. } = store.data_mut();
            if *is_closed {
                return Err(wasmtime::format_err!("the interpreter looks for a file while its heap settles"));
            }
            let open = |(name, node): &(String, NodeId)| Ok((world.new_handle::<Descriptor>(*node)?, name.clone()));
            Ok((files.roots().iter().map(open).collect::<wasmtime::Result<Vec<_>>>()?,))
        }),
        "wasi:filesystem/types" => {
            define_metadata(to)?;
            define_reading(to)?;
            define_listing(to)
        }
        _ => Ok(()),
    }
}

fn define_metadata(to: &mut LinkerInstance<'_, BuildWorld>) -> wasmtime::Result<()> {
    to.func_wrap("[method]descriptor.get-flags", |_, (_,): This<Descriptor>| -> Answer<DescriptorFlags> {
        Ok((Ok(DescriptorFlags::READ),))
    })?;
    to.func_wrap(
        "[method]descriptor.get-type",
        |store: Store<'_>, (this,): This<Descriptor>| -> Answer<DescriptorType> {
            Ok((Ok(descriptor_type(&store.data().files, this.rep())),))
        },
    )?;
    to.func_wrap("[method]descriptor.stat", |store: Store<'_>, (this,): This<Descriptor>| -> Answer<DescriptorStat> {
        Ok((Ok(stat(&store.data().files, this.rep())),))
    })?;
    to.func_wrap(
        "[method]descriptor.stat-at",
        |store: Store<'_>, (this, _, path): (Resource<Descriptor>, PathFlags, String)| -> Answer<DescriptorStat> {
            let files = &store.data().files;
            Ok((resolve(files, &this, &path).map(|node| stat(files, node)),))
        },
    )?;
    // The identity of a file is its number in the tree.
    let hash = |node: NodeId| HashValue { lower: u64::from(node), upper: 0 };
    to.func_wrap("[method]descriptor.metadata-hash", move |_, (this,): This<Descriptor>| -> Answer<HashValue> {
        Ok((Ok(hash(this.rep())),))
    })?;
    to.func_wrap(
        "[method]descriptor.metadata-hash-at",
        move |store: Store<'_>, (this, _, path): (Resource<Descriptor>, PathFlags, String)| -> Answer<HashValue> {
            Ok((resolve(&store.data().files, &this, &path).map(hash),))
        },
    )
}

fn define_reading(to: &mut LinkerInstance<'_, BuildWorld>) -> wasmtime::Result<()> {
    type Opening = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
    to.func_wrap(
        "[method]descriptor.open-at",
        |mut store: Store<'_>, (this, _, path, how, _): Opening| -> Answer<Resource<Descriptor>> {
            let BuildWorld { world, files, .. } = store.data_mut();
            let node = match resolve(files, &this, &path) {
                Ok(node) => node,
                Err(error) => return Ok((Err(error),)),
            };
            if how.contains(OpenFlags::DIRECTORY) && files.kind(node) == Some(NodeKind::File) {
                return Ok((Err(ErrorCode::NotDirectory),));
            }
            Ok((Ok(world.new_handle(node)?),))
        },
    )?;
    to.func_wrap(
        "[method]descriptor.read",
        |store: Store<'_>, (this, length, offset): (Resource<Descriptor>, u64, u64)| -> Answer<(Vec<u8>, bool)> {
            let bytes = store.data().files.bytes(this.rep()).ok_or(ErrorCode::IsDirectory);
            Ok((bytes.map(|bytes| {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(bytes.len());
                (bytes[start..end].to_vec(), end == bytes.len())
            }),))
        },
    )?;
    to.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store: Store<'_>, (this, offset): (Resource<Descriptor>, u64)| -> Answer<Resource<InputStream>> {
            let BuildWorld { world, files, .. } = store.data_mut();
            let stream = files.open_stream(this.rep(), usize::try_from(offset).unwrap_or(usize::MAX));
            // Representation 0 is standard input.
            Ok((Ok(world.new_handle(stream + 1)?),))
        },
    )
}

fn define_listing(to: &mut LinkerInstance<'_, BuildWorld>) -> wasmtime::Result<()> {
    to.func_wrap(
        "[method]descriptor.read-directory",
        |mut store: Store<'_>, (this,): This<Descriptor>| -> Answer<Resource<Listing>> {
            let BuildWorld { world, files, .. } = store.data_mut();
            let Some(listing) = files.open_listing(this.rep()) else { return Ok((Err(ErrorCode::NotDirectory),)) };
            Ok((Ok(world.new_handle(listing)?),))
        },
    )?;
    to.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: Store<'_>, (this,): This<Listing>| -> Answer<Option<DirectoryEntry>> {
            let files = &mut store.data_mut().files;
            let next = files.next_entry(this.rep());
            Ok((Ok(next.map(|(name, node)| DirectoryEntry { kind: descriptor_type(files, node), name })),))
        },
    )
}

fn resolve(files: &FileTree, from: &Resource<Descriptor>, path: &str) -> Result<NodeId, ErrorCode> {
    files.resolve(from.rep(), path).ok_or(ErrorCode::NoEntry)
}

fn stat(files: &FileTree, node: NodeId) -> DescriptorStat {
    let size = files.bytes(node).map_or(0, |bytes| bytes.len() as u64);
    // Times are the same on every machine, since some of them end up in the captured heap.
    let when = Some(Datetime { seconds: 0, nanoseconds: 0 });
    let kind = descriptor_type(files, node);
    DescriptorStat { kind, links: 1, size, accessed: when, modified: when, changed: when }
}

fn descriptor_type(files: &FileTree, node: NodeId) -> DescriptorType {
    match files.kind(node) {
        Some(NodeKind::File) => DescriptorType::RegularFile,
        Some(NodeKind::Folder) => DescriptorType::Directory,
        None => DescriptorType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with a folder `json` and a file of three bytes in it, and its root.
    fn tree() -> (FileTree, NodeId) {
        let mut files = FileTree::default();
        let root = files.add_root("python");
        files.add_file(root, "json/decoder.py", b"abc".to_vec());
        (files, root)
    }

    #[track_caller]
    fn check(path: &str, expected: Option<(DescriptorType, u64)>) {
        let (files, root) = tree();
        let found = resolve(&files, &Resource::new_own(root), path);
        let Some((kind, size)) = expected else {
            assert!(matches!(found, Err(ErrorCode::NoEntry)), "{path}");
            return;
        };
        let stat = stat(&files, found.unwrap_or_else(|_| panic!("{path} is missing")));
        assert_eq!((stat.kind as u8, stat.size, stat.links), (kind as u8, size, 1), "{path}");
        for when in [stat.accessed, stat.modified, stat.changed] {
            assert_eq!(when, Some(Datetime { seconds: 0, nanoseconds: 0 }), "{path} has no time of this machine");
        }
    }

    #[test]
    fn files_and_folders_are_described_alike_on_every_machine() {
        check("json/decoder.py", Some((DescriptorType::RegularFile, 3)));
        check("json", Some((DescriptorType::Directory, 0)));
        check("", Some((DescriptorType::Directory, 0)));
        check("json/absent.py", None);
        check("../python/json", None);
        let (files, _) = tree();
        assert_eq!(descriptor_type(&files, 1000) as u8, DescriptorType::Unknown as u8);
    }
}
