//! Zeroed `f32` arrays aligned to cache lines, in huge pages where the system offers them.

use memmap2::MmapMut;

/// Alignment of an array: one cache line, so that no vector straddles two lines.
const LINE_BYTES: usize = 64;
/// Size from which on memory is mapped from the system, where huge pages save most TLB misses.
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
    /// `length` zeros; memory is committed only where it is written.
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
        // A `Vec` is aligned to its element only, so that the first aligned element is looked for.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_every_size_are_zero_aligned_and_writable() {
        let mapped = MAPPED_FROM_BYTES / size_of::<f32>();
        for length in [0, 1, 15, 16, 17, 1000, mapped - 1, mapped, mapped + 3] {
            let mut array = AlignedFloats::zeroed(length);
            assert_eq!(array.len(), length);
            assert!(array.iter().all(|value| *value == 0.0), "{length} zeros");
            assert!(length == 0 || array.as_ptr().addr().is_multiple_of(LINE_BYTES), "{length} values are aligned");
            array.iter_mut().enumerate().for_each(|(index, value)| *value = index as f32);
            assert!(array.iter().enumerate().all(|(index, value)| *value == index as f32), "{length} values are kept");
        }
    }

    #[test]
    fn an_array_stays_aligned_when_it_is_moved() {
        let mut arrays: Vec<AlignedFloats> = Vec::new();
        for length in 1..40 {
            arrays.push(AlignedFloats::zeroed(length * 7));
        }
        assert!(arrays.iter().all(|array| array.as_ptr().addr().is_multiple_of(LINE_BYTES)));
    }
}
