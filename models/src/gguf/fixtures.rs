//! GGUF files for tests, written byte by byte.

/// A file being put together.
#[derive(Clone, Default)]
pub(crate) struct File {
    entries: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    data: Vec<u8>,
}

impl File {
    /// Adds a metadata entry whose value is written already.
    pub(crate) fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.entries.push([&text(key), &kind.to_le_bytes()[..], value].concat());
        self
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, 8, &text(value))
    }

    pub(crate) fn count(self, key: &str, value: u32) -> Self {
        self.entry(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn float(self, key: &str, value: f32) -> Self {
        self.entry(key, 6, &value.to_le_bytes())
    }

    pub(crate) fn flag(self, key: &str, value: bool) -> Self {
        self.entry(key, 7, &[u8::from(value)])
    }

    pub(crate) fn texts(self, key: &str, values: &[&str]) -> Self {
        let items: Vec<u8> = values.iter().flat_map(|value| text(value)).collect();
        self.list(key, 8, values.len() as u64, &items)
    }

    pub(crate) fn integers(self, key: &str, values: &[i32]) -> Self {
        let items: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.list(key, 5, values.len() as u64, &items)
    }

    pub(crate) fn floats(self, key: &str, values: &[f32]) -> Self {
        let items: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.list(key, 6, values.len() as u64, &items)
    }

    /// Adds a list that claims to have `count` items.
    pub(crate) fn list(self, key: &str, kind: u32, count: u64, items: &[u8]) -> Self {
        self.entry(key, 9, &[&kind.to_le_bytes()[..], &count.to_le_bytes(), items].concat())
    }

    /// Describes a tensor; the shape is in the file's order, innermost first.
    pub(crate) fn place(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        let mut place = text(name);
        place.extend((shape.len() as u32).to_le_bytes());
        shape.iter().for_each(|length| place.extend(length.to_le_bytes()));
        place.extend(kind.to_le_bytes());
        place.extend(offset.to_le_bytes());
        self.tensors.push(place);
        self
    }

    /// Adds a tensor of single precision behind the others.
    pub(crate) fn tensor(mut self, name: &str, shape: &[u64], values: &[f32]) -> Self {
        let offset = self.data.len().next_multiple_of(32);
        self.data.resize(offset, 0);
        self.data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.place(name, shape, 0, offset as u64)
    }

    /// Adds bytes behind the header.
    pub(crate) fn data(mut self, bytes: &[u8]) -> Self {
        self.data.extend(bytes);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(b"GGUF", 3, self.tensors.len() as u64, self.entries.len() as u64)
    }

    /// Writes the file with a header that may lie.
    pub(crate) fn bytes_with(&self, magic: &[u8; 4], version: u32, tensors: u64, entries: u64) -> Vec<u8> {
        let mut bytes = magic.to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(entries.to_le_bytes());
        self.entries.iter().chain(&self.tensors).for_each(|part| bytes.extend(part));
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(&self.data);
        bytes
    }
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}
