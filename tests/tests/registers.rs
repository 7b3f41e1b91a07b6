//! Calls without stubs: functions of a few integers are called in and out with their values in registers, all others through
//! an array. Nobody can tell which.

use bailiwick_loader::{Caller, Error, HostError, Imports, TrapCode, TypedFunc, Val, WasmTypes};
use bailiwick_tests::guest::Guest;
use std::fmt::Debug;

/// Ways for a guest to call `host.f`, each an export of its type.
const WAYS: [&str; 5] = ["direct", "tail", "table", "reference", "itself"];

fn ways(params: &str, results: &str, count: usize) -> String {
    let ty = format!("(param {params}) (result {results})");
    let gets: String = (0..count).map(|i| format!("(local.get {i})")).collect();
    format!(
        r#"(module
          (type $t (func {ty}))
          (import "host" "f" (func $f (type $t)))
          (table 2 funcref) (elem (i32.const 1) func $f)
          (func (export "direct") {ty} (call $f {gets}))
          (func (export "tail") {ty} (return_call $f {gets}))
          (func (export "table") {ty} (call_indirect (type $t) {gets} (i32.const 1)))
          (func (export "reference") {ty} (call_ref $t {gets} (ref.func $f)))
          (export "itself" (func $f)))"#
    )
}

/// Calls the guest of `imports` in all ways, typed and by values, and expects the same of each.
fn expect<P, R>(imports: &Imports, types: [&str; 2], params: P, values: &[Val], result: R, expected: &[Val])
where
    P: WasmTypes + Copy,
    R: WasmTypes + Debug + PartialEq,
{
    let mut guest = Guest::with(&ways(types[0], types[1], values.len()), imports);
    for way in WAYS {
        let function: TypedFunc<P, R> = guest.instance.typed_func(&mut guest.group, way).unwrap();
        assert_eq!(function.call(&mut guest.group, params).unwrap(), result, "{way} {types:?}");
        assert_eq!(guest.call(way, values).unwrap(), expected, "{way} {types:?}");
    }
}

/// A host function of these parameters and one result, which mixes them so that none can be another or wider than it is.
macro_rules! mixes {
    ($result:ty = $val:ident, $type:literal; $($name:ident: $ty:ty = $number:expr, $of:ident),*) => {{
        let mut imports = Imports::new();
        let mixed = |numbers: &[u64]| numbers.iter().fold(7u64, |sum, number| sum.wrapping_mul(31).wrapping_add(*number));
        imports.func("host", "f", move |_: &mut Caller<'_>, $($name: $ty),*| Ok(mixed(&[$($name as u64),*]) as $result));
        $(let $name: $ty = $number;)*
        let result = mixed(&[$($name as u64),*]) as $result;
        let params: &[&str] = &[$(stringify!($of)),*];
        let params = params.join(" ").to_lowercase();
        let values: &[Val] = &[$(Val::$of($name as _)),*];
        expect::<($($ty,)*), $result>(&imports, [&params, $type], ($($name,)*), values, result, &[Val::$val(result as _)]);
    }};
}

#[test]
fn every_number_of_integers_goes_out_and_in() {
    mixes!(u32 = I32, "i32";);
    mixes!(u64 = I64, "i64";);
    mixes!(i32 = I32, "i32"; a: i32 = -1, I32);
    mixes!(u64 = I64, "i64"; a: u32 = u32::MAX, I32);
    mixes!(u32 = I32, "i32"; a: u64 = u64::MAX - 1, I64);
    mixes!(u64 = I64, "i64"; a: u32 = 1, I32, b: i64 = -2, I64);
    mixes!(i64 = I64, "i64"; a: u64 = 1 << 40, I64, b: i32 = -2, I32, c: u32 = 3, I32);
    mixes!(u32 = I32, "i32"; a: i32 = i32::MIN, I32, b: i32 = -2, I32, c: i64 = i64::MIN, I64, d: u32 = 4, I32);
    mixes!(u64 = I64, "i64"; a: i32 = 1, I32, b: i32 = 2, I32, c: i64 = 3, I64, d: u32 = 1 << 31, I32, e: u64 = 5 << 60, I64);
    mixes!(u64 = I64, "i64"; a: i32 = 1, I32, b: u64 = 2, I64, c: i64 = 3, I64, d: u32 = 4, I32, e: i32 = -5, I32, f: u64 = 6 << 60, I64);
}

#[test]
fn other_types_among_them_change_nothing() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, a: i32, b: f64, c: i64| Ok(f64::from(a) + b + c as f64));
    let values = [Val::I32(1), Val::F64(0.25f64.to_bits()), Val::I64(-3)];
    expect(&imports, ["i32 f64 i64", "f64"], (1, 0.25, -3i64), &values, -1.75, &[Val::F64((-1.75f64).to_bits())]);

    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, a: i32, b: i64| Ok((b, a)));
    expect(
        &imports,
        ["i32 i64", "i64 i32"],
        (-1, 2i64),
        &[Val::I32(-1), Val::I64(2)],
        (2i64, -1),
        &[Val::I64(2), Val::I32(-1)],
    );

    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, _: u32, _: u64| Ok(()));
    expect(&imports, ["i32 i64", ""], (1u32, 2u64), &[Val::I32(1), Val::I64(2)], (), &[]);
}

#[test]
fn what_a_host_function_ends_the_guest_with_arrives_in_every_way() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>, how: i32| -> Result<i64, HostError> {
        match how {
            0 => Ok(5),
            1 => Err(HostError::exit(3)),
            2 => Err(HostError::Trap(TrapCode::Denied, None)),
            _ => panic!("on purpose"),
        }
    });
    let mut guest = Guest::with(&ways("i32", "i64", 1), &imports);
    for way in WAYS {
        let function: TypedFunc<i32, i64> = guest.instance.typed_func(&mut guest.group, way).unwrap();
        for round in 0..3 {
            assert!(matches!(function.call(&mut guest.group, 1), Err(Error::Exit(3))), "{way} {round}");
            let denied = function.call(&mut guest.group, 2);
            assert!(matches!(&denied, Err(Error::Trap(trap)) if trap.code() == TrapCode::Denied), "{way} {denied:?}");
            let panicked = function.call(&mut guest.group, 3);
            assert!(
                matches!(&panicked, Err(Error::Trap(trap)) if trap.code() == TrapCode::HostError),
                "{way} {panicked:?}"
            );
            assert_eq!(function.call(&mut guest.group, 0).unwrap(), 5, "{way} {round}");
        }
    }
}

/// The floating-point control register of this thread.
mod control {
    use std::arch::asm;

    /// Rounding to other sides, denormals taken or given as zero, exceptions that are not masked: all, and one each.
    #[cfg(target_arch = "x86_64")]
    pub const ODD: &[u64] = &[
        0x9fc0, 0x9f80, 0x1fc0, 0x3f80, 0x5f80, 0x7f80, 0x0000, 0x1f00, 0x1e80, 0x1d80, 0x1b80, 0x1780, 0x0f80, 0xe040,
    ];
    #[cfg(target_arch = "aarch64")]
    pub const ODD: &[u64] = &[1 << 24, 1 << 22, 2 << 22, 3 << 22, 1 << 25];

    /// Everything but what has happened so far.
    #[cfg(target_arch = "x86_64")]
    pub fn get() -> u64 {
        let mut control = 0u32;
        // SAFETY: it is stored where there is room for it.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut control, options(nostack)) };
        u64::from(control & !0x3f)
    }
    #[cfg(target_arch = "x86_64")]
    pub fn set(control: u64) {
        // SAFETY: no reserved bit is set; who calls this computes no floats until it is set back.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &(control as u32), options(nostack)) };
    }
    #[cfg(target_arch = "aarch64")]
    pub fn get() -> u64 {
        let control;
        // SAFETY: it is only read.
        unsafe { asm!("mrs {}, fpcr", out(reg) control, options(nostack)) };
        control
    }
    #[cfg(target_arch = "aarch64")]
    pub fn set(control: u64) {
        // SAFETY: who calls this computes no floats until it is set back.
        unsafe { asm!("msr fpcr, {}", in(reg) control, options(nostack)) };
    }
}

#[test]
fn how_the_host_computes_floats_is_not_how_guests_do_and_stays() {
    let mut imports = Imports::new();
    imports.func("host", "f", |_: &mut Caller<'_>| Ok(()));
    let mut guest = Guest::with(
        r#"(module
          (import "host" "f" (func $f))
          (func $bits (export "bits") (param i32 i32) (result i32)
            (i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 (local.get 0)) (f32.reinterpret_i32 (local.get 1)))))
          (func (export "floats") (param f32 f32) (result f32)
            (f32.reinterpret_i32 (call $bits (i32.reinterpret_f32 (local.get 0)) (i32.reinterpret_f32 (local.get 1)))))
          (func (export "raises") (param i32) (result i64)
            (call $f)
            (i64.reinterpret_f64 (f64.div (f64.sqrt (f64.convert_i32_s (local.get 0))) (f64.const 0))))
          (func (export "traps") (param i32) (result i32)
            (drop (call $bits (i32.const 0x3f800000) (i32.const 0x33000000)))
            unreachable))"#,
        &imports,
    );
    let bits: TypedFunc<(u32, u32), u32> = guest.instance.typed_func(&mut guest.group, "bits").unwrap();
    let floats: TypedFunc<(f32, f32), f32> = guest.instance.typed_func(&mut guest.group, "floats").unwrap();
    let raises: TypedFunc<i32, u64> = guest.instance.typed_func(&mut guest.group, "raises").unwrap();
    let traps: TypedFunc<i32, i32> = guest.instance.typed_func(&mut guest.group, "traps").unwrap();
    // Rounded up, rounded down, denormal in and out, and too large; what they are with the usual control.
    let sums = [
        (0x3f80_0000, 0x3300_0000, 0x3f80_0000),
        (0x3f80_0000, 0x33c0_0000, 0x3f80_0001),
        (0xbf80_0000, 0xb3c0_0000, 0xbf80_0001),
        (0x00c0_0000, 0x8080_0000, 0x0040_0000),
        (0x0040_0000, 0x0000_0001, 0x0040_0001),
        (0x7f7f_ffff, 0x7f7f_ffff, 0x7f80_0000),
    ];
    let usual = control::get();
    for &odd in control::ODD {
        control::set(odd);
        let odd = control::get();
        let group = &mut guest.group;
        let as_bits = sums.map(|(a, b, _)| bits.call(group, (a, b)));
        let as_floats = sums.map(|(a, b, _)| floats.call(group, (f32::from_bits(a), f32::from_bits(b))));
        let raised = [4, 0, -4].map(|x| raises.call(group, x));
        let trapped = traps.call(group, 1);
        let kept = control::get();
        control::set(usual);
        for (((a, b, expected), as_bits), as_floats) in sums.iter().zip(as_bits).zip(as_floats) {
            assert_eq!(as_bits.unwrap(), *expected, "{odd:#x}: {a:#x} + {b:#x}");
            assert_eq!(as_floats.unwrap().to_bits(), *expected, "{odd:#x}: {a:#x} + {b:#x}");
        }
        assert_eq!(raised[0].as_ref().unwrap(), &f64::INFINITY.to_bits(), "{odd:#x}");
        assert!(raised[1..].iter().all(|x| f64::from_bits(*x.as_ref().unwrap()).is_nan()), "{odd:#x}: {raised:?}");
        assert!(matches!(&trapped, Err(Error::Trap(t)) if t.code() == TrapCode::Unreachable), "{odd:#x}: {trapped:?}");
        assert_eq!(kept, odd, "what the host had");
    }
}
