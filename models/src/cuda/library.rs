//! cuBLASLt: products of bfloat16 matrices by a given algorithm.

use std::{
    collections::BTreeMap,
    ffi::CStr,
    ptr,
    sync::{Mutex, PoisonError},
};

use cudarc::{cublaslt::sys, driver};
use serde::{Deserialize, Serialize};

use super::{
    card::{Address, Operands, WeightShape},
    profile::Profile,
};
use crate::error::DeviceError;

/// Bytes of scratch memory that an algorithm may use.
pub(super) const WORKSPACE: usize = 32 << 20;

/// Algorithm as the library's own 64 bytes, good for one version of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Algorithm(pub(super) [u64; 8]);

impl From<Algorithm> for String {
    fn from(algorithm: Algorithm) -> Self {
        hex::encode(algorithm.0.map(u64::to_le_bytes).concat())
    }
}

impl TryFrom<String> for Algorithm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(&text, &mut bytes).map_err(|error| format!("an algorithm is 64 bytes in hex: {error}"))?;
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("chunks have eight bytes"));
        }
        Ok(Self(words))
    }
}

/// A handle of the library with scratch memory on one stream.
pub(super) struct Library {
    handle: sys::cublasLtHandle_t,
    stream: driver::sys::CUstream,
    workspace: u64,
    plans: Mutex<BTreeMap<(WeightShape, usize), Plan>>,
}

/// Description of a product with its matrices.
#[derive(Clone, Copy)]
struct Plan {
    operation: sys::cublasLtMatmulDesc_t,
    weights: sys::cublasLtMatrixLayout_t,
    x: sys::cublasLtMatrixLayout_t,
    y: sys::cublasLtMatrixLayout_t,
}

fn check(status: sys::cublasStatus_t, operation: &str) -> Result<(), DeviceError> {
    if status == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS {
        return Ok(());
    }
    // SAFETY: the library returns a static string.
    #[expect(unsafe_code, reason = "the library's interface")]
    let text = unsafe { CStr::from_ptr(sys::cublasLtGetStatusString(status)) };
    Err(DeviceError { operation: operation.to_owned(), message: text.to_string_lossy().into_owned() })
}

/// Calls the library and names the call in its error.
macro_rules! call {
    ($name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: handles are those that the library gave, pointers are to live values of the right size.
        check(
            {
                #[expect(unsafe_code, reason = "the library's interface")]
                unsafe { sys::$name($($argument),*) }
            },
            stringify!($name),
        )
    };
}

impl Library {
    /// Opens the library for work on a stream of the current context.
    pub(super) fn new(stream: driver::sys::CUstream) -> Result<Self, DeviceError> {
        let mut handle = ptr::null_mut();
        call!(cublasLtCreate(&raw mut handle))?;
        let mut workspace = 0;
        // SAFETY: the pointer is to a live value.
        #[expect(unsafe_code, reason = "the driver's interface")]
        let status = unsafe { driver::sys::cuMemAlloc_v2(&raw mut workspace, WORKSPACE) };
        super::driver::check(status, "making room for cuBLASLt")?;
        Ok(Self { handle, stream, workspace, plans: Mutex::default() })
    }

    /// The library's version, such as 130100.
    pub(super) fn version(&self) -> usize {
        // SAFETY: takes nothing.
        #[expect(unsafe_code, reason = "the library's interface")]
        unsafe {
            sys::cublasLtGetVersion()
        }
    }

    /// Starts a product.
    pub(super) fn multiply(
        &self,
        shape: WeightShape,
        operands: Operands,
        algorithm: &Algorithm,
    ) -> Result<(), DeviceError> {
        let plan = self.plan(shape, operands.rows)?;
        let (one, zero) = (1.0_f32, 0.0_f32);
        let algorithm = sys::cublasLtMatmulAlgo_t { data: algorithm.0 };
        let pointer = |address: Address| address.0 as *mut std::ffi::c_void;
        let y = pointer(operands.y);
        call!(cublasLtMatmul(
            self.handle,
            plan.operation,
            (&raw const one).cast(),
            pointer(operands.weights),
            plan.weights,
            pointer(operands.x),
            plan.x,
            (&raw const zero).cast(),
            y,
            plan.y,
            y,
            plan.y,
            &raw const algorithm,
            self.workspace as *mut std::ffi::c_void,
            WORKSPACE,
            self.stream.cast(),
        ))
        .map_err(|error| DeviceError {
            operation: format!("the product {shape} of {} rows", operands.rows),
            message: error.message,
        })
    }

    /// Milliseconds that work on the stream takes.
    pub(super) fn timed(&self, work: impl FnOnce() -> Result<(), DeviceError>) -> Result<f64, DeviceError> {
        let mut profile = Profile::new(self.stream);
        profile.measure("", work)?;
        Ok(profile.finish()?.values().map(|(time, _)| time).sum())
    }

    /// True if an algorithm can do a product of so many rows in the scratch memory.
    pub(super) fn can(&self, shape: WeightShape, rows: usize, algorithm: &Algorithm) -> Result<bool, DeviceError> {
        let plan = self.plan(shape, rows)?;
        let algorithm = sys::cublasLtMatmulAlgo_t { data: algorithm.0 };
        let mut result = std::mem::MaybeUninit::<sys::cublasLtMatmulHeuristicResult_t>::zeroed();
        let found = call!(cublasLtMatmulAlgoCheck(
            self.handle,
            plan.operation,
            plan.weights,
            plan.x,
            plan.y,
            plan.y,
            &raw const algorithm,
            result.as_mut_ptr(),
        ));
        // SAFETY: plain numbers, of which zeros are a value, too.
        #[expect(unsafe_code, reason = "filled by the library")]
        let result = unsafe { result.assume_init() };
        Ok(found.is_ok() && result.workspaceSize <= WORKSPACE)
    }

    /// The library's own proposals for so many rows that do not cut the sum, best first.
    pub(super) fn proposals(
        &self,
        shape: WeightShape,
        rows: usize,
        most: usize,
    ) -> Result<Vec<Algorithm>, DeviceError> {
        use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
        let plan = self.plan(shape, rows)?;
        let mut preference = ptr::null_mut();
        call!(cublasLtMatmulPreferenceCreate(&raw mut preference))?;
        let (workspace, schemes) = (WORKSPACE, 0_u32);
        let workspace_attribute = Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        let size = size_of::<usize>();
        call!(cublasLtMatmulPreferenceSetAttribute(
            preference,
            workspace_attribute,
            (&raw const workspace).cast(),
            size
        ))?;
        let scheme = Attribute::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK;
        call!(cublasLtMatmulPreferenceSetAttribute(preference, scheme, (&raw const schemes).cast(), 4))?;
        // SAFETY: plain numbers, of which zeros are a value.
        #[expect(unsafe_code, reason = "filled by the library")]
        let mut found = vec![unsafe { std::mem::zeroed::<sys::cublasLtMatmulHeuristicResult_t>() }; most];
        let mut count = 0;
        let status = call!(cublasLtMatmulAlgoGetHeuristic(
            self.handle,
            plan.operation,
            plan.weights,
            plan.x,
            plan.y,
            plan.y,
            preference,
            most as i32,
            found.as_mut_ptr(),
            &raw mut count,
        ));
        let _ = call!(cublasLtMatmulPreferenceDestroy(preference));
        // No proposal at all is an answer, too.
        let count = if status.is_ok() { count as usize } else { 0 };
        let good = found[..count].iter().filter(|found| found.state == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS);
        Ok(good.map(|found| Algorithm(found.algo.data)).collect())
    }

    fn plan(&self, shape: WeightShape, rows: usize) -> Result<Plan, DeviceError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&(shape, rows)) {
            return Ok(*plan);
        }
        let plan = Plan::new(shape, rows)?;
        plans.insert((shape, rows), plan);
        Ok(plan)
    }
}

impl Plan {
    /// Row-major matrices are the library's column-major ones, transposed.
    fn new(shape: WeightShape, rows: usize) -> Result<Self, DeviceError> {
        use sys::{cublasLtMatmulDescAttributes_t as Attribute, cudaDataType_t as Type};
        let mut operation = ptr::null_mut();
        let single = Type::CUDA_R_32F;
        call!(cublasLtMatmulDescCreate(&raw mut operation, sys::cublasComputeType_t::CUBLAS_COMPUTE_32F, single))?;
        // The library's numbers for a transposed and a plain matrix.
        let (transposed, plain) = (1_i32, 0_i32);
        let size = size_of::<i32>();
        let first = Attribute::CUBLASLT_MATMUL_DESC_TRANSA;
        call!(cublasLtMatmulDescSetAttribute(operation, first, (&raw const transposed).cast(), size))?;
        let second = Attribute::CUBLASLT_MATMUL_DESC_TRANSB;
        call!(cublasLtMatmulDescSetAttribute(operation, second, (&raw const plain).cast(), size))?;
        let (n, k, m) = (shape.outputs as u64, shape.inputs as u64, rows as u64);
        let (mut weights, mut x, mut y) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let half = Type::CUDA_R_16BF;
        call!(cublasLtMatrixLayoutCreate(&raw mut weights, half, k, n, k as i64))?;
        call!(cublasLtMatrixLayoutCreate(&raw mut x, half, k, m, k as i64))?;
        let result = if shape.wide { single } else { half };
        call!(cublasLtMatrixLayoutCreate(&raw mut y, result, n, m, n as i64))?;
        Ok(Self { operation, weights, x, y })
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        for plan in self.plans.lock().unwrap_or_else(PoisonError::into_inner).values() {
            for layout in [plan.weights, plan.x, plan.y] {
                let _ = call!(cublasLtMatrixLayoutDestroy(layout));
            }
            let _ = call!(cublasLtMatmulDescDestroy(plan.operation));
        }
        let _ = call!(cublasLtDestroy(self.handle));
        // SAFETY: memory that this handle took.
        #[expect(unsafe_code, reason = "the driver's interface")]
        let _ = unsafe { driver::sys::cuMemFree_v2(self.workspace) };
    }
}
