//! Edges: how compiled code of one group calls compiled code of another, and carries values there and back.
//!
//! For each function of its world that a module imports, the compiler makes an *adapter*: a function of the import's
//! core type, in the `tail` convention, that is given an **edge record** in place of a context. The import's slot names
//! both. The adapter carries the parameters from its caller's memory to the callee's, enters the callee, and carries the
//! result back, all by the types of the caller's world; that the callee's are the same is checked when the two are linked.
//! The layout of a value follows from its type alone (CanonicalABI.md), so one adapter serves any callee.
//!
//! The record begins like a context (magic, exit routine, the **caller's** group, routines in place of builtins), so that
//! the ways to the host's stack are the same. What follows is at the constants below.
//!
//! ```text
//!    0  header, as of a context           `builtins` is the table of [`Routine`]s
//!   48  caller's memory                   address of its MemoryDef, 0: none
//!   56  callee's memory                   the same
//!   64  caller's gate                     address of its [gate](GATE_SIZE)
//!   72  callee's gate                     the same
//!   80  caller's interrupt                address of a byte, other than 0: the caller is to end
//!   88  callee's interrupt                the same
//!   96  stack low         u64             an adapter that begins with the stack pointer below traps: StackOverflow
//!  104  flags             u32             [`BEGIN`], [`FINISH`]
//!  108  values            u32             bytes that a call may write, at most [`MAX_BYTES`]
//!  112  bytes left        u64             of this call, for what is written
//!  120  elements left     u64             of this call, for what is looked at one by one
//!  128  targets           4 × [`TARGET_SIZE`]   what can be entered, by [`Target`]
//! ```
//!
//! # An adapter's course
//! 1. Trap if the stack pointer is below `stack low`.
//! 2. If the callee's state or the caller's `closed`, either interrupt byte or `flags` is not 0: store the parameters as
//!    `values`, call [`Routine::Begin`]; if it returns 1, return what `values` begins with.
//! 3. Store 1 as the callee's state: it is entered. Store `values` as the bytes that are left, and a
//!    [`BYTES_PER_ELEMENT`]th of it as the elements.
//! 4. Carry the parameters, enter the function, call [`Routine::Returned`] if a handle is among the parameters' types,
//!    carry the result, enter post-return if that target has code.
//! 5. Take [`ENTERED`] off the callee's state. If [`FINISH`] is set in `flags`, call [`Routine::Finish`]. Return.
//!
//! Whatever goes wrong after 3 is told to [`Routine::Fault`], which cleans up and either returns, with `values` beginning
//! with the import's result, or ends the caller. An adapter never faults by itself after 3: every access is checked against
//! the memory's length as it is then, and its frame lies above `stack low`'s reserve.
//!
//! Around entering an allocator or post-return function the adapter stores 1 as the `closed` of the gate of who runs it, and
//! 0 behind it (CanonicalABI.md, `may_leave`).

use crate::types::ValType;
use crate::wit::{Function, Kind, Type, World};

/// Offset of the address of the caller's memory definition; the field is 0 if it has no memory.
pub const CALLER_MEMORY: i32 = 48;
/// Offset of the address of the callee's memory definition; the field is 0 if it has no memory.
pub const CALLEE_MEMORY: i32 = 56;
/// Offset of the address of the caller's gate.
pub const CALLER_GATE: i32 = 64;
/// Offset of the address of the callee's gate.
pub const CALLEE_GATE: i32 = 72;
/// Offset of the address of a byte that says whether the caller is to end.
pub const CALLER_INTERRUPT: i32 = 80;
/// Offset of the address of a byte that says whether the callee is to end.
pub const CALLEE_INTERRUPT: i32 = 88;
/// Offset of the lowest stack pointer that an adapter may begin with.
pub const STACK_LOW: i32 = 96;
/// Offset of the flags, a `u32`.
pub const FLAGS: i32 = 104;
/// Offset of the bytes that any call may write, a `u32`.
pub const VALUES: i32 = 108;
/// Offset of the bytes that this call may still write.
pub const BYTES: i32 = 112;
/// Offset of the elements that this call may still look at.
pub const ELEMENTS: i32 = 120;
/// Offset of the first target.
pub const TARGETS: i32 = 128;

/// Flag: [`Routine::Begin`] must be called: the record is not filled in yet, or the callee's time must begin.
pub const BEGIN: u32 = 1;
/// Flag: [`Routine::Finish`] must be called.
pub const FINISH: u32 = 2;

/// Bytes of stack between `stack low` and the stack's guard: more than any adapter's frame, and what it enters on the
/// caller's own stack needs to begin with.
pub const STACK_RESERVE: u64 = 32 << 10;

/// Bytes of a gate: `state` and `closed`, a `u32` each. An instance has one, and all edges from and to it share it.
pub const GATE_SIZE: u32 = 8;
/// Offset in a gate of `state`: 0 means that the instance may be entered.
pub const GATE_STATE: i32 = 0;
/// Offset in a gate of `closed`: other than 0 means that the instance makes no calls over edges.
pub const GATE_CLOSED: i32 = 4;
/// State: it is being called.
pub const ENTERED: u32 = 1;
/// State: it is dead. A bit of its own.
pub const DEAD: u32 = 2;

/// Bytes of a target: entry stub, context, code, group record, each a `u64`. All 0: there is no such function.
pub const TARGET_SIZE: i32 = 32;
/// Offset in a target of the entry stub.
pub const TARGET_STUB: i32 = 0;
/// Offset in a target of the context.
pub const TARGET_CONTEXT: i32 = 8;
/// Offset in a target of the code; 0: there is no such function.
pub const TARGET_CODE: i32 = 16;
/// Offset in a target of the group record, which compiled code never reads.
pub const TARGET_GROUP: i32 = 24;

/// Bytes of the part of the record that is described here.
pub const RECORD_SIZE: u32 = TARGETS as u32 + 4 * TARGET_SIZE as u32;

/// What an adapter enters, in the order of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Target {
    /// The function that is called.
    Function = 0,
    /// The callee's `cabi_realloc`.
    CalleeRealloc = 1,
    /// The callee's post-return function, if it has one.
    PostReturn = 2,
    /// The caller's `cabi_realloc`.
    CallerRealloc = 3,
}

impl Target {
    /// Offset of it in the record.
    pub const fn offset(self) -> i32 {
        TARGETS + self as i32 * TARGET_SIZE
    }

    /// From its number.
    pub const fn from_u32(number: u32) -> Option<Target> {
        Some(match number {
            0 => Target::Function,
            1 => Target::CalleeRealloc,
            2 => Target::PostReturn,
            3 => Target::CallerRealloc,
            _ => return None,
        })
    }
}

/// What an adapter calls besides, in the order of the table that a record's `builtins` points to: in C convention, the
/// record first, then 64-bit integers (32-bit values zero-extended), returning one 64-bit integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Routine {
    /// `begin(area, values) -> over`. `area`: where the import wants its result, 0 if that is a core value. `values`: the
    /// import's parameters, as cells. 0: the call goes on. 1: it is over, `values` begins with the import's result.
    Begin = 0,
    /// `enter(target, values) -> ended`. `target`: offset of a target with code in the record. `values`: the function's
    /// parameters as cells, replaced by its results. 0: it has returned. 1: it ended, see [`Code::Ended`].
    /// The upper half of what it returns is undefined.
    Enter = 1,
    /// `copy(way, from, to, size) -> failed`. `way`: 0 from the caller to the callee, 1 back. Both ranges were checked.
    /// 1: [`Code::Recorded`].
    Copy = 2,
    /// `copy_text(way, from, to, size) -> failed`: the same for UTF-8, which it checks.
    CopyText = 3,
    /// `pass(place, handle) -> handle`, or [`NO_HANDLE`]: [`Code::Recorded`]. `place`: of the handle's type.
    Pass = 4,
    /// `returned() -> failed`: the callee has returned; what it was lent goes back. 1: [`Code::Recorded`].
    Returned = 5,
    /// `check() -> failed`: is somebody to end? Called at least once for every [`CHECK_ELEMENTS`] elements.
    /// 1: [`Code::Recorded`].
    Check = 6,
    /// `fault(what, a, b, area, values)`: the call can't go on. `what`: see [`what`]. In [`Stage::Result`], `values` still
    /// begins with what the function returned, for its post-return function. If it returns, the call is over and `values`
    /// begins with the import's result.
    Fault = 7,
    /// `finish()`: the call is over, and went well.
    Finish = 8,
}

impl Routine {
    /// How many there are.
    pub const COUNT: usize = 9;

    /// Byte offset of its address in the table.
    pub const fn offset(self) -> i32 {
        self as i32 * 8
    }

    /// How many integers it takes besides the record.
    pub const fn params(self) -> usize {
        match self {
            Routine::Begin | Routine::Enter | Routine::Pass => 2,
            Routine::Copy | Routine::CopyText => 4,
            Routine::Returned | Routine::Check | Routine::Finish => 0,
            Routine::Fault => 5,
        }
    }
}

/// What [`Routine::Pass`] returns for a handle that does not cross.
pub const NO_HANDLE: u64 = u64::MAX;

/// What went wrong. `a` and `b` are arguments of [`Routine::Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// What was entered did not return. `a`: the [`Target`]'s number. The side is that of the target.
    Ended = 1,
    /// A routine failed, and has kept why.
    Recorded = 2,
    /// The side has no memory.
    NoMemory = 3,
    /// A range beyond the side's memory: `a` its address, `b` its bytes.
    OutOfBounds = 4,
    /// `a`: an address that is no multiple of `b`.
    Misaligned = 5,
    /// A string or list of `a` bytes.
    TooLong = 6,
    /// `a` is no Unicode scalar value.
    NotChar = 7,
    /// `a` is no case of `b`.
    NoSuchCase = 8,
    /// More bytes than the record's `values`.
    Bytes = 9,
    /// More elements than go with the record's `values`.
    Elements = 10,
}

/// What a range was to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Region {
    /// No range.
    None = 0,
    /// The bytes of a string.
    String = 1,
    /// The elements of a list.
    List = 2,
    /// All parameters, passed by a pointer.
    Params = 3,
    /// The result, passed by a pointer.
    Result = 4,
    /// What an allocator answered with.
    Allocation = 5,
}

/// How far a call had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Parameters were carried.
    Params = 0,
    /// The function ran.
    Function = 1,
    /// The result was carried.
    Result = 2,
    /// The post-return function ran.
    PostReturn = 3,
}

/// Packs what [`Routine::Fault`] is told: from the lowest byte on, `code`, `region`, `stage`, whether it is the callee's
/// fault (1) or the caller's (0); above these the place's number, see [`places`].
pub const fn what(code: Code, region: Region, stage: Stage, callee: bool, place: u32) -> u64 {
    code as u64 | (region as u64) << 8 | (stage as u64) << 16 | (callee as u64) << 24 | (place as u64) << 32
}

/// Bytes that one call may write on the other side: strings, lists, and parameters and results that go by a pointer.
pub const MAX_BYTES: u64 = 256 << 20;
/// Bytes of one string, or of the elements of one list (CanonicalABI.md, "Loading", `MAX_STRING_BYTE_LENGTH`,
/// `MAX_LIST_BYTE_LENGTH`). More: [`Code::TooLong`].
pub const MAX_CONTENT: u64 = (1 << 28) - 1;
/// Elements of lists that one call may look at one by one, each counted as often as its type has [places].
pub const MAX_ELEMENTS: u64 = MAX_BYTES / BYTES_PER_ELEMENT;
/// An element is as much work as so many bytes.
pub const BYTES_PER_ELEMENT: u64 = 16;
const _: () = assert!(MAX_BYTES <= u32::MAX as u64 && BYTES_PER_ELEMENT.is_power_of_two());
/// Elements between two calls of [`Routine::Check`].
pub const CHECK_ELEMENTS: u64 = 64 << 10;

/// Most places of a function that an adapter is made for. Calls of others are carried by the loader.
pub const MAX_PLACES: u32 = 1000;

/// Counts the places of a function: one for the call as a whole, and one for each type in its parameters and result, in
/// the order in which they stand, a type before its parts: fields, the payload of each case that has one, the element of a
/// list. A type that stands in several places counts in each. Place 0 is the call, 1 the first parameter's type. `None`:
/// more than [`MAX_PLACES`], or a variant of more cases than that.
pub fn places(world: &World, function: &Function) -> Option<u32> {
    let types = function.params.iter().map(|&(_, ty)| ty).chain(function.result);
    types.map(|ty| type_places(world, ty)).try_fold(1, bounded)
}

/// Counts the places of one type: itself and its parts. `None`: more than [`MAX_PLACES`], or a variant of more cases
/// than that. Takes time in proportion to the square of [`MAX_PLACES`] at most, whatever the type.
pub fn type_places(world: &World, ty: Type) -> Option<u32> {
    fn count(world: &World, ty: Type, left: u32) -> Option<u32> {
        // The depth of types is bounded, and so is the number that is looked at.
        let mut total = 1;
        let mut add = |ty: Type| {
            total = bounded(total, count(world, ty, left.checked_sub(total)?))?;
            (total <= left).then_some(())
        };
        match world.types().kind(ty) {
            Some(Kind::List(element)) => add(*element)?,
            Some(Kind::Record(fields)) => fields.iter().try_for_each(|field| add(field.ty))?,
            Some(Kind::Tuple(parts)) => parts.iter().try_for_each(|&part| add(part))?,
            Some(Kind::Variant(cases)) if cases.len() > MAX_PLACES as usize => return None,
            Some(Kind::Variant(cases)) => cases.iter().filter_map(|case| case.ty).try_for_each(add)?,
            Some(Kind::Option(some)) => add(*some)?,
            Some(Kind::Result { ok, err }) => ok.iter().chain(err).try_for_each(|&ty| add(ty))?,
            _ => {}
        }
        Some(total)
    }
    count(world, ty, MAX_PLACES)
}

fn bounded(total: u32, more: Option<u32>) -> Option<u32> {
    Some(total + more?).filter(|&total| total <= MAX_PLACES)
}

/// How many cells `values` has: as many as the longest of what is passed in it. Of the import, the export, and four for
/// `cabi_realloc`.
pub fn cells(import: (&[ValType], &[ValType]), export: (&[ValType], &[ValType])) -> usize {
    [import.0.len(), import.1.len(), export.0.len(), export.1.len(), 4].into_iter().max().unwrap_or(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::{Case, Field, Types};
    use alloc::vec::Vec;
    use alloc::{format, vec};

    fn world(types: Types) -> World {
        World::new("a:b/w", types).unwrap()
    }

    fn function(params: &[Type], result: Option<Type>) -> Function {
        let params = params.iter().enumerate().map(|(i, &ty)| (format!("p{i}"), ty)).collect();
        Function { interface: None, name: "f".into(), params, result }
    }

    #[test]
    fn every_type_counts_where_it_stands_and_so_do_its_parts() {
        let mut types = Types::new();
        let names = types.add(None, Kind::List(Type::String)).unwrap();
        let fields = vec![Field { name: "a".into(), ty: names }, Field { name: "b".into(), ty: names }];
        let record = types.add(None, Kind::Record(fields)).unwrap();
        let cases = [None, Some(record), Some(Type::U8), None];
        let cases = cases.into_iter().enumerate().map(|(i, ty)| Case { name: format!("c{i}"), ty }).collect();
        let variant = types.add(None, Kind::Variant(cases)).unwrap();
        let labels = types.add(None, Kind::Enum(vec!["a".into(), "b".into()])).unwrap();
        let result = types.add(None, Kind::Result { ok: Some(variant), err: Some(labels) }).unwrap();
        let world = world(types);
        let count = |ty| type_places(&world, ty).unwrap();
        assert_eq!([Type::U8, Type::String, names, record, variant, result].map(count), [1, 1, 2, 5, 7, 9]);
        assert_eq!(places(&world, &function(&[], None)), Some(1), "the call itself");
        assert_eq!(places(&world, &function(&[Type::U8, record], Some(result))), Some(1 + 1 + 5 + 9));
    }

    #[test]
    fn what_has_more_places_than_that_has_none() {
        let mut types = Types::new();
        let bits = |n: u32| Kind::Tuple(vec![Type::Bool; n as usize]);
        let most = types.add(None, bits(MAX_PLACES - 2)).unwrap();
        let more = types.add(None, bits(MAX_PLACES - 1)).unwrap();
        let mut doubled = most;
        for _ in 0..10 {
            doubled = types.add(None, Kind::Tuple(vec![doubled, doubled])).unwrap();
        }
        let case = |i| Case { name: format!("c{i}"), ty: None };
        let many = types.add(None, Kind::Variant((0..=MAX_PLACES).map(case).collect())).unwrap();
        let world = world(types);
        assert_eq!(places(&world, &function(&[most], None)), Some(MAX_PLACES));
        assert_eq!(type_places(&world, more), Some(MAX_PLACES));
        for params in [vec![more], vec![most, Type::U8], vec![doubled], vec![many]] {
            assert_eq!(places(&world, &function(&params, None)), None);
        }
        assert_eq!(places(&world, &function(&[most], Some(Type::U8))), None);
    }

    #[test]
    fn parts_of_the_record_follow_each_other_and_targets_have_their_numbers() {
        let fields = [CALLER_MEMORY, CALLEE_MEMORY, CALLER_GATE, CALLEE_GATE, CALLER_INTERRUPT, CALLEE_INTERRUPT];
        let fields: Vec<i32> = fields.into_iter().chain([STACK_LOW, FLAGS, BYTES, ELEMENTS, TARGETS]).collect();
        assert!(fields.windows(2).all(|pair| pair[1] - pair[0] == 8), "{fields:?}");
        assert_eq!(fields[0], crate::context::HEADER_SIZE as i32);
        for number in 0..4 {
            let target = Target::from_u32(number).unwrap();
            assert_eq!((target as u32, target.offset()), (number, TARGETS + number as i32 * TARGET_SIZE));
        }
        assert_eq!(Target::from_u32(4), None);
        assert_eq!(RECORD_SIZE as i32, Target::CallerRealloc.offset() + TARGET_SIZE);
        assert_eq!(what(Code::Elements, Region::Allocation, Stage::PostReturn, true, 7), 0x0007_0103_050a);
    }
}
