//! Time of each kernel by events of the driver.

use std::{collections::BTreeMap, ptr};

use cudarc::driver::sys;

use super::driver::check;
use crate::error::DeviceError;

/// Events around every launch since the profile began.
pub(super) struct Profile {
    stream: sys::CUstream,
    marks: Vec<(String, sys::CUevent, sys::CUevent)>,
}

impl Profile {
    pub(super) fn new(stream: sys::CUstream) -> Self {
        Self { stream, marks: Vec::new() }
    }

    /// Runs work between two events.
    pub(super) fn measure(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let start = self.event()?;
        work()?;
        let end = self.event()?;
        self.marks.push((name.to_owned(), start, end));
        Ok(())
    }

    fn event(&self) -> Result<sys::CUevent, DeviceError> {
        let mut event = ptr::null_mut();
        // SAFETY: the pointer is to a live value, and the stream is the card's.
        #[expect(unsafe_code, reason = "the driver's interface")]
        unsafe {
            check(sys::cuEventCreate(&raw mut event, 0), "cuEventCreate")?;
            check(sys::cuEventRecord(event, self.stream), "cuEventRecord")?;
        }
        Ok(event)
    }

    /// Milliseconds and launches of each kernel.
    pub(super) fn finish(self) -> Result<BTreeMap<String, (f64, usize)>, DeviceError> {
        let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        for (name, start, end) in self.marks {
            let mut time = 0.0;
            // SAFETY: both events were made and recorded above, and are used no more.
            #[expect(unsafe_code, reason = "the driver's interface")]
            unsafe {
                check(sys::cuEventSynchronize(end), "cuEventSynchronize")?;
                check(sys::cuEventElapsedTime_v2(&raw mut time, start, end), "cuEventElapsedTime")?;
                check(sys::cuEventDestroy_v2(start), "cuEventDestroy")?;
                check(sys::cuEventDestroy_v2(end), "cuEventDestroy")?;
            }
            let sum = sums.entry(name).or_default();
            *sum = (sum.0 + f64::from(time), sum.1 + 1);
        }
        Ok(sums)
    }
}
