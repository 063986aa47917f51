//! NVIDIA card by the driver's interface.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_void},
    path::Path,
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cudarc::driver::sys;

use super::{
    algorithms::AlgorithmStore,
    card::{Address, Card, CardIdentity, Kernel, Launch, Operands, WeightShape},
    compiler,
    library::Library,
    profile::Profile,
};
use crate::error::DeviceError;

/// Bytes of page-locked memory through which copies go.
const STAGE: usize = 8 << 20;

/// The first NVIDIA card of this machine, with its kernels compiled.
pub(crate) struct NvidiaCard {
    identity: CardIdentity,
    multiprocessors: u32,
    context: sys::CUcontext,
    stream: sys::CUstream,
    modules: Vec<sys::CUmodule>,
    kernels: Mutex<Vec<Function>>,
    stage: Mutex<Stage>,
    library: Library,
    algorithms: Mutex<AlgorithmStore>,
    profile: Mutex<Option<Profile>>,
}

/// A kernel and the shared memory that it was allowed.
struct Function {
    name: String,
    handle: sys::CUfunction,
    shared: u32,
}

/// Page-locked memory; `used` bytes wait for copies that have been started.
struct Stage {
    memory: *mut u8,
    used: usize,
}

// SAFETY: handles of the driver may be used from any thread that has made the context current, which every method does.
#[expect(unsafe_code, reason = "handles of the driver are pointers")]
unsafe impl Send for NvidiaCard {}
// SAFETY: as above; what is changed stands behind mutexes.
#[expect(unsafe_code, reason = "handles of the driver are pointers")]
unsafe impl Sync for NvidiaCard {}

/// The error of a call of the driver.
pub(super) fn check(status: sys::CUresult, operation: &str) -> Result<(), DeviceError> {
    if status == sys::CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let mut text = ptr::null();
    // SAFETY: the driver returns a static string or leaves the pointer null.
    #[expect(unsafe_code, reason = "the driver's interface")]
    let found = unsafe {
        let _ = sys::cuGetErrorString(status, &raw mut text);
        if text.is_null() { None } else { Some(CStr::from_ptr(text).to_string_lossy().into_owned()) }
    };
    let message = found.unwrap_or_else(|| format!("{status:?}"));
    Err(DeviceError { operation: operation.to_owned(), message })
}

fn trouble(operation: &str, message: impl Into<String>) -> DeviceError {
    DeviceError { operation: operation.to_owned(), message: message.into() }
}

/// Calls the driver and names the call in its error.
macro_rules! call {
    ($name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: handles are those that the driver gave, pointers are to live memory of the right size.
        check(
            {
                #[expect(unsafe_code, reason = "the driver's interface")]
                unsafe { sys::$name($($argument),*) }
            },
            stringify!($name),
        )
    };
}

/// True if a driver and a card are there.
pub(super) fn is_present() -> bool {
    // SAFETY: the libraries' initializers are NVIDIA's; nothing else is run.
    #[expect(unsafe_code, reason = "libraries are opened")]
    let libraries = unsafe {
        sys::is_culib_present() && cudarc::nvrtc::sys::is_culib_present() && cudarc::cublaslt::sys::is_culib_present()
    };
    let mut count = 0;
    libraries && call!(cuInit(0)).is_ok() && call!(cuDeviceGetCount(&raw mut count)).is_ok() && count > 0
}

impl NvidiaCard {
    /// Opens the first card and compiles the kernels, or takes them from the cache.
    ///
    /// `algorithms` is the file of the products' algorithms: one that is there is binding, otherwise it is written.
    ///
    /// # Errors
    /// If there is no card, or its driver, NVRTC or cuBLASLt are not there or not usable.
    pub(crate) fn open(cache: &Path, algorithms: Option<&Path>) -> Result<Self, DeviceError> {
        if !is_present() {
            let libraries = "libcuda.so.1, libnvrtc.so and libcublasLt.so of CUDA 13 have to be on the library path";
            return Err(trouble(
                "opening the card",
                format!("there is no NVIDIA card with its libraries here: {libraries}"),
            ));
        }
        let (mut device, mut context, mut stream) = (0, ptr::null_mut(), ptr::null_mut());
        call!(cuDeviceGet(&raw mut device, 0))?;
        call!(cuDevicePrimaryCtxRetain(&raw mut context, device))?;
        call!(cuCtxSetCurrent(context))?;
        call!(cuStreamCreate(&raw mut stream, sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32))?;
        use sys::CUdevice_attribute_enum as Attribute;
        let attribute = |attribute| {
            let mut value = 0;
            call!(cuDeviceGetAttribute(&raw mut value, attribute, device)).map(|()| value)
        };
        let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        if major != 9 || minor != 0 {
            let message =
                format!("its compute capability is {major}.{minor}, and the kernels are written for 9.0 (H100, H200)");
            return Err(trouble("opening the card", message));
        }
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32;
        let mut name = [0_i8; 128];
        call!(cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as i32, device))?;
        let name: Vec<u8> = name.iter().take_while(|letter| **letter != 0).map(|letter| *letter as u8).collect();
        let name = String::from_utf8_lossy(&name).into_owned();
        let mut driver = 0;
        call!(cuDriverGetVersion(&raw mut driver))?;
        let images = compiler::compile(cache, &name, driver)?;
        let mut modules = Vec::new();
        for image in &images.modules {
            let mut module = ptr::null_mut();
            call!(cuModuleLoadData(&raw mut module, image.as_ptr().cast()))?;
            modules.push(module);
        }
        let mut memory = ptr::null_mut();
        call!(cuMemHostAlloc(&raw mut memory, STAGE, 0))?;
        let library = Library::new(stream)?;
        let identity = CardIdentity {
            card: name,
            capability: format!("{major}.{minor}"),
            driver: driver.to_string(),
            kernels: images.digest,
            library: library.version().to_string(),
        };
        let algorithms = Mutex::new(AlgorithmStore::open(cache, algorithms, &identity)?);
        let (kernels, stage) = (Mutex::default(), Mutex::new(Stage { memory: memory.cast(), used: 0 }));
        let profile = Mutex::default();
        Ok(Self { identity, multiprocessors, context, stream, modules, kernels, stage, library, algorithms, profile })
    }

    /// Measures every kernel from now on, or ends that and returns the milliseconds and launches by kernel.
    pub(crate) fn profile(&self, on: bool) -> Result<BTreeMap<String, (f64, usize)>, DeviceError> {
        self.enter()?;
        let before = std::mem::replace(&mut *lock(&self.profile), on.then(|| Profile::new(self.stream)));
        before.map_or_else(|| Ok(BTreeMap::new()), Profile::finish)
    }

    /// BLAKE3 of the products' algorithms, where the settings name the file that holds them.
    pub(crate) fn algorithms(&self) -> Option<String> {
        lock(&self.algorithms).digest()
    }

    fn enter(&self) -> Result<(), DeviceError> {
        call!(cuCtxSetCurrent(self.context))
    }

    /// Runs work between two marks of the profile, where there is one.
    fn measured(&self, name: &str, work: impl FnOnce() -> Result<(), DeviceError>) -> Result<(), DeviceError> {
        match &mut *lock(&self.profile) {
            Some(profile) => profile.measure(name, work),
            None => work(),
        }
    }
}

/// The content of a mutex; one whose holder panicked is as good as any other.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Card for NvidiaCard {
    fn identity(&self) -> &CardIdentity {
        &self.identity
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn memory(&self) -> Result<(u64, u64), DeviceError> {
        self.enter()?;
        let (mut free, mut total) = (0, 0);
        call!(cuMemGetInfo_v2(&raw mut free, &raw mut total))?;
        Ok((free as u64, total as u64))
    }

    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError> {
        self.enter()?;
        let mut address = 0;
        call!(cuMemAlloc_v2(&raw mut address, bytes))?;
        Ok(Address(address))
    }

    fn free(&self, address: Address) {
        // Nothing can be done about a failure, which the next call reports again.
        let _ = self.enter().and_then(|()| call!(cuMemFree_v2(address.0)));
    }

    fn fill(&self, to: Address, byte: u8, bytes: usize) -> Result<(), DeviceError> {
        self.enter()?;
        call!(cuMemsetD8Async(to.0, byte, bytes, self.stream))
    }

    fn upload(&self, to: Address, from: &[u8]) -> Result<(), DeviceError> {
        self.enter()?;
        let mut stage = lock(&self.stage);
        let mut done = 0;
        while done < from.len() {
            if stage.used == STAGE {
                call!(cuStreamSynchronize(self.stream))?;
                stage.used = 0;
            }
            let count = (from.len() - done).min(STAGE - stage.used);
            // SAFETY: `used + count` is within the page-locked memory, of which no copy under way reads this part.
            #[expect(unsafe_code, reason = "memory of the driver")]
            let place = unsafe {
                let place = stage.memory.add(stage.used);
                ptr::copy_nonoverlapping(from[done..].as_ptr(), place, count);
                place
            };
            call!(cuMemcpyHtoDAsync_v2(to.0 + done as u64, place.cast::<c_void>(), count, self.stream))?;
            stage.used = (stage.used + count).next_multiple_of(64).min(STAGE);
            done += count;
        }
        Ok(())
    }

    fn download(&self, from: Address, to: &mut [u8]) -> Result<(), DeviceError> {
        self.enter()?;
        call!(cuMemcpyDtoHAsync_v2(to.as_mut_ptr().cast(), from.0, to.len(), self.stream))?;
        self.synchronize()
    }

    fn copy(&self, to: Address, from: Address, bytes: usize) -> Result<(), DeviceError> {
        self.enter()?;
        call!(cuMemcpyDtoDAsync_v2(to.0, from.0, bytes, self.stream))
    }

    fn kernel(&self, name: &str) -> Result<Kernel, DeviceError> {
        self.enter()?;
        let mut kernels = lock(&self.kernels);
        if let Some(found) = kernels.iter().position(|kernel| kernel.name == name) {
            return Ok(Kernel(found));
        }
        let symbol = CString::new(name).map_err(|error| trouble("finding a kernel", error.to_string()))?;
        for module in &self.modules {
            let mut handle = ptr::null_mut();
            if call!(cuModuleGetFunction(&raw mut handle, *module, symbol.as_ptr())).is_ok() {
                kernels.push(Function { name: name.to_owned(), handle, shared: 0 });
                return Ok(Kernel(kernels.len() - 1));
            }
        }
        Err(trouble("finding a kernel", format!("there is none named {name}")))
    }

    fn launch(&self, kernel: Kernel, launch: Launch, argument: &[u8]) -> Result<(), DeviceError> {
        self.enter()?;
        let mut kernels = lock(&self.kernels);
        let function = &mut kernels[kernel.0];
        if launch.shared > function.shared {
            let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            call!(cuFuncSetAttribute(function.handle, attribute, launch.shared as i32))
                .map_err(|error| trouble(&format!("preparing {}", function.name), error.message))?;
            function.shared = launch.shared;
        }
        // A kernel may be brought onto the card before the one before it has ended: each waits for that itself, before it
        // reads anything.
        let mut early = sys::CUlaunchAttribute {
            id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
            pad: [0; 4],
            value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
        };
        let config = sys::CUlaunchConfig {
            gridDimX: launch.grid[0],
            gridDimY: launch.grid[1],
            gridDimZ: launch.grid[2],
            blockDimX: launch.threads,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: launch.shared,
            hStream: self.stream,
            attrs: &raw mut early,
            numAttrs: 1,
        };
        let mut arguments = [argument.as_ptr().cast::<c_void>().cast_mut()];
        let (name, handle) = (&function.name, function.handle);
        self.measured(name, || {
            call!(cuLaunchKernelEx(&raw const config, handle, arguments.as_mut_ptr(), ptr::null_mut()))
                .map_err(|error| trouble(&format!("starting {name} on {:?} blocks", launch.grid), error.message))
        })
    }

    fn prepare(&self, shapes: &[WeightShape], rows: &[usize]) -> Result<(), DeviceError> {
        self.enter()?;
        lock(&self.algorithms).prepare(self, &self.library, shapes, rows)
    }

    fn multiply(&self, shape: WeightShape, operands: Operands) -> Result<(), DeviceError> {
        self.enter()?;
        let algorithm = lock(&self.algorithms).of(shape)?;
        let run = || self.library.multiply(shape, operands, &algorithm);
        match &mut *lock(&self.profile) {
            Some(profile) => profile.measure(&format!("product {shape}"), run),
            None => run(),
        }
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        self.enter()?;
        // Held while waiting: a copy that another thread starts meanwhile must not be forgotten.
        let mut stage = lock(&self.stage);
        call!(cuStreamSynchronize(self.stream))?;
        stage.used = 0;
        Ok(())
    }
}

impl Drop for NvidiaCard {
    fn drop(&mut self) {
        let _ = self.enter();
        let _ = call!(cuStreamSynchronize(self.stream));
        let _ = call!(cuMemFreeHost(lock(&self.stage).memory.cast()));
        for module in &self.modules {
            let _ = call!(cuModuleUnload(*module));
        }
        let _ = call!(cuStreamDestroy_v2(self.stream));
    }
}
