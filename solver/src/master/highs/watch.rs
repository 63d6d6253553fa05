//! Lets somebody stop HiGHS while it works, and counts its work.
//!
//! HiGHS's bindings have no safe way to be called back, so this one module calls its C interface.
#![expect(unsafe_code, reason = "HiGHS calls back through its C interface")]

use std::{
    ffi::{c_char, c_int, c_void},
    pin::Pin,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use highs::Model;
use highs_sys::{
    Highs_setCallback, Highs_startCallback, HighsCallbackDataIn, HighsCallbackDataOut, STATUS_OK,
    kHighsCallbackMipInterrupt,
};

/// What is looked at whenever HiGHS asks whether it may go on, which it does at every node and
/// after every round of cuts, though not inside the small programmes of its heuristics.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    stop: Option<&'a AtomicBool>,
    /// Iterations that may be made.
    most: i64,
    /// Iterations made when HiGHS asked last.
    made: i64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(stop: Option<&'a AtomicBool>, most: u64) -> Pin<Box<Self>> {
        Box::pin(Self { stop, most: most.try_into().unwrap_or(i64::MAX), made: 0 })
    }

    /// Has HiGHS ask; false when it does not want to. The watch must stay until the model and what
    /// it is solved to are gone, for they know its address.
    pub(super) fn over(self: &mut Pin<Box<Self>>, model: &mut Model) -> bool {
        let data: *mut Self = ptr::from_mut(self.as_mut().get_mut());
        let highs = model.as_mut_ptr();
        // SAFETY: `highs` is a live instance, which the model owns, and `data` points to a pinned
        // box that outlives it by the promise above. Nobody else holds a reference into the box
        // while HiGHS runs, for it runs only while the caller waits.
        unsafe {
            Highs_setCallback(highs, Some(ask), data.cast::<c_void>()) == STATUS_OK
                && Highs_startCallback(highs, kHighsCallbackMipInterrupt) == STATUS_OK
        }
    }

    pub(super) fn made(&self) -> u64 {
        self.made.max(0).unsigned_abs()
    }

    fn may_go_on(&self) -> bool {
        self.made < self.most && !self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// HiGHS's question.
extern "C" fn ask(
    _: c_int,
    _: *const c_char,
    state: *const HighsCallbackDataOut,
    answer: *mut HighsCallbackDataIn,
    data: *mut c_void,
) {
    // SAFETY: `data` is what `over` handed to HiGHS. The other two are HiGHS's own, valid during
    // the call, or null.
    let (watch, state, answer) =
        unsafe { (data.cast::<Watch<'_>>().as_mut(), state.as_ref(), answer.as_mut()) };
    if let (Some(watch), Some(state), Some(answer)) = (watch, state, answer) {
        watch.made = watch.made.max(state.mip_total_lp_iterations);
        answer.user_interrupt = (!watch.may_go_on()).into();
    }
}
