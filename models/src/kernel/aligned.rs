//! Large zeroed `f32` arrays on a cache-line boundary, in huge pages where the system has them.

use memmap2::MmapMut;

/// A cache line: what the array starts on a multiple of, so that no vector straddles two lines.
const LINE_BYTES: usize = 64;
/// From here on memory comes straight from the system, where huge pages save most address translations.
const MAPPED_FROM_BYTES: usize = 1 << 20;

/// A fixed-length array of `f32`, zero at first, aligned to 64 bytes.
pub(super) struct AlignedFloats {
    storage: Storage,
    length: usize,
}

enum Storage {
    Heap { values: Vec<f32>, start: usize },
    Mapped(MmapMut),
}

impl AlignedFloats {
    /// `length` zeros; memory is touched only where it is written.
    pub(super) fn zeroed(length: usize) -> Self {
        let bytes = length * size_of::<f32>();
        if bytes >= MAPPED_FROM_BYTES
            && let Ok(map) = MmapMut::map_anon(bytes)
        {
            // Advice only: without huge pages the same values are read a little slower.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            return Self { storage: Storage::Mapped(map), length };
        }
        let values = vec![0.0; length + LINE_BYTES / size_of::<f32>()];
        let start = values.as_ptr().align_offset(LINE_BYTES).min(values.len() - length);
        Self { storage: Storage::Heap { values, start }, length }
    }
}

impl std::ops::Deref for AlignedFloats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.storage {
            Storage::Heap { values, start } => &values[*start..start + self.length],
            Storage::Mapped(map) => &bytemuck::cast_slice(map)[..self.length],
        }
    }
}

impl std::ops::DerefMut for AlignedFloats {
    fn deref_mut(&mut self) -> &mut [f32] {
        match &mut self.storage {
            Storage::Heap { values, start } => &mut values[*start..*start + self.length],
            Storage::Mapped(map) => &mut bytemuck::cast_slice_mut(map)[..self.length],
        }
    }
}
