//! The order of a call.

use super::carry::{Carried, Carry, check_range};
use super::fault::{Fault, FaultKind, Offender, Region, Stage};
use super::meter::{Limits, Meter};
use super::prepare::Prepared;
use super::{Callee, End, Handles, Side, Way};
use bailiwick_runtime_abi::wit::abi::MAX_FLAT_PARAMS;

/// One call over an edge.
pub struct Call<'a> {
    /// Who calls.
    pub caller: &'a mut dyn End,
    /// Who is called.
    pub callee: &'a mut dyn Callee,
    /// How handles cross.
    pub handles: &'a mut dyn Handles,
    /// Which side is to end, if one is. Asked at least once for each MiB that is copied and each 64 Ki elements.
    pub interrupted: &'a dyn Fn() -> Option<Side>,
    /// How much may be moved.
    pub limits: Limits,
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Call<'_> {
    /// Makes the call: `params` and `results` are the core values of the caller's import, as many as
    /// [`Prepared::caller_signature`] says, as bits (see [`Callee`]). `results` are written when all has gone well.
    ///
    /// 1. Where the caller wants the result is checked, so that nothing runs in vain.
    /// 2. Parameters are carried over, one value at a time, and the callee's function is called.
    /// 3. What was lent to the callee goes back ([`Handles::end_of_call`]).
    /// 4. The result is carried back.
    /// 5. The callee's post-return function is called. If it was the caller that could not take the result, it is
    ///    called too: the callee has done its part, and goes on.
    ///
    /// # Errors
    /// [`Fault`], which says who is to end.
    pub fn run(self, function: &Prepared, params: &[u64], results: &mut [u64]) -> Result<(), Fault> {
        let signature = function.caller_signature();
        if params.len() != signature.params.len() || results.len() != signature.results.len() {
            let kind = FaultKind::Values {
                params: params.len(),
                results: results.len(),
                expected_params: signature.params.len(),
                expected_results: signature.results.len(),
            };
            return Err(*Fault::new(Offender::Host, Stage::Params, kind));
        }
        let result_area = signature.result_by_pointer.then(|| params.last().map_or(0, |&pointer| pointer as u32));
        let meter = Meter::new(self.limits, self.interrupted);
        Running { function, caller: self.caller, callee: self.callee, handles: self.handles, meter, result_area }
            .run(params, results)
            .map_err(|fault| *fault)
    }
}

/// A call that is being made.
struct Running<'a> {
    function: &'a Prepared,
    caller: &'a mut dyn End,
    callee: &'a mut dyn Callee,
    handles: &'a mut dyn Handles,
    meter: Meter<'a>,
    /// Where the caller wants the result, if it is not a core value.
    result_area: Option<u32>,
}

impl<'a> Running<'a> {
    fn run(mut self, params: &[u64], results: &mut [u64]) -> Carried<()> {
        self.check_result_area(Stage::Params)?;
        let mut lowered = [0; MAX_FLAT_PARAMS];
        let lowered = &mut lowered[..self.function.callee_signature().params.len()];
        self.params(params, lowered)?;

        let mut returned = [0];
        let returned = &mut returned[..self.function.callee_signature().results.len()];
        let ended = |stage| move |error| Fault::new(Side::Callee, stage, FaultKind::Ended(Box::new(error)));
        self.callee.call(lowered, returned).map_err(ended(Stage::Function))?;
        self.handles
            .end_of_call()
            .map_err(|error| Fault::new(error.offender, Stage::Function, FaultKind::Handle(error)))?;

        // What it returned is kept for post-return: the callee gets the numbers that it gave, whatever lies in its
        // memory.
        let mut result = [0];
        let result = &mut result[..results.len()];
        let carried = self.result(returned, result);
        if carried.as_ref().is_err_and(|fault| fault.offender == Offender::Callee) {
            return carried;
        }
        let cleaned = self.callee.post_return(returned).map_err(ended(Stage::PostReturn));
        // The caller's fault came first. That the callee ended too is known to whoever runs it.
        carried.and(cleaned)?;
        results.copy_from_slice(result);
        Ok(())
    }

    fn check_result_area(&mut self, stage: Stage) -> Carried<()> {
        if let (Some(pointer), Some(shape)) = (self.result_area, &self.function.result) {
            check_range(self.caller, Region::Result, pointer, shape.size.into(), shape.align)
                .map_err(|kind| Fault::new(Side::Caller, stage, kind).within("the result"))?;
        }
        Ok(())
    }

    fn carry(&mut self, way: Way) -> Carry<'_, 'a> {
        let (source, target, stage): (&mut dyn End, &mut dyn End, _) = match way {
            Way::ToCallee => (self.caller, self.callee, Stage::Params),
            Way::ToCaller => (self.callee, self.caller, Stage::Result),
        };
        let (handles, meter, world) = (&mut *self.handles, &mut self.meter, &*self.function.world);
        Carry { way, stage, parameter: None, source, target, handles, meter, world }
    }

    /// Carries all parameters (CanonicalABI.md, "Lifting and Lowering Values").
    fn params(&mut self, params: &[u64], lowered: &mut [u64]) -> Carried<()> {
        let function = self.function;
        let by_pointer = function.caller_signature().params_by_pointer;
        let layout = function.layout;
        let mut carry = self.carry(Way::ToCallee);
        let area = if by_pointer {
            let pointer = params[0] as u32;
            carry.source_range(Region::Params, pointer, layout.size.into(), layout.align)?;
            let target = carry.allocate(layout.align, layout.size)?;
            lowered[0] = target.into();
            Some((u64::from(pointer), u64::from(target)))
        } else {
            None
        };
        let mut at = 0;
        for (i, param) in function.params.iter().enumerate() {
            carry.parameter = Some(i as u32);
            let carried = match area {
                Some((from, to)) => {
                    let offset = u64::from(param.offset);
                    carry.stored(&param.shape, from + offset, to + offset)
                }
                None => {
                    let range = at..at + param.shape.flat;
                    at = range.end;
                    carry.flat(&param.shape, &params[range.clone()], &mut lowered[range])
                }
            };
            carried.map_err(|fault| fault.within(&format!("parameter {}", function.names[i])))?;
        }
        Ok(())
    }

    /// Carries the result: a core value to a core value, or from where the callee has it to where the caller wants it.
    fn result(&mut self, returned: &[u64], result: &mut [u64]) -> Carried<()> {
        let Some(shape) = self.function.result.as_deref() else { return Ok(()) };
        let Some(to) = self.result_area else {
            return self.carry(Way::ToCaller).flat(shape, returned, result).map_err(|fault| fault.within("the result"));
        };
        // The caller's memory may have grown; it is the same place.
        self.check_result_area(Stage::Result)?;
        let from = returned[0] as u32;
        let mut carry = self.carry(Way::ToCaller);
        carry
            .source_range(Region::Result, from, shape.size.into(), shape.align)
            .and_then(|()| carry.spend(shape.size))
            .and_then(|()| carry.stored(shape, from.into(), to.into()))
            .map_err(|fault| fault.within("the result"))
    }
}
