//! Hostile callees: results that no honest module would return, in every position, and how a call of theirs ends.

use super::callers::{within, wrong};
use super::canonical::{Image, Ty, Value};
use super::*;

/// What comes of a call.
#[derive(Clone, Debug)]
enum Comes {
    /// The callee dies for it, which its reason says in these words; the caller gets an error value.
    Callee(String),
    /// Both die, one after the other: the edge says `trap`.
    Both(String),
    /// The caller gets this, as it lies in its memory: words of the result.
    Gets(Vec<u64>),
    /// The caller gets something.
    Returns,
}

/// A function of the callee's.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    /// Its result.
    result: Ty,
    /// Its body, which gives what it returns.
    body: String,
    image: Image,
    comes: Comes,
}

const MEMORY: u32 = 2 << 16;
const BASE: u32 = 20_000;

/// Returns a value of `result<ty, string>`.
fn value(name: String, ty: Ty, value: Value, comes: Comes) -> Case {
    let (result, value) = (ty.or_text(), Value::Case(0, Some(value.into())));
    let mut image = Image::at(BASE);
    let at = image.allocate(result.align(), result.size());
    image.store(&result, &value, at);
    Case { name, result, body: format!("(i32.const {at})"), image, comes }
}

/// The result is that, whatever the code does.
fn does(name: &str, body: &str, comes: Comes) -> Case {
    let honest = value(name.into(), Ty::U64, Value::Number(5), comes);
    Case { body: format!("{body} {}", honest.body), ..honest }
}

fn everywhere() -> Vec<Vec<Case>> {
    let mut groups: Vec<(Ty, Vec<Case>)> = Vec::new();
    for (what, ty, wrong, said) in wrong() {
        let at = groups.iter().position(|(of, _)| *of == ty).unwrap_or_else(|| {
            groups.push((ty.clone(), Vec::new()));
            groups.len() - 1
        });
        for (how, _, ty, wrong) in within(&ty, &wrong) {
            let name = format!("{what} ({wrong:?}), {how}");
            groups[at].1.push(value(name, ty, wrong, Comes::Callee(said.clone())));
        }
    }
    groups.into_iter().map(|(_, cases)| cases).collect()
}

fn pointers() -> Vec<Case> {
    let at = |name: &str, at: u32, said: &str| {
        let honest = value(format!("a result {name}"), Ty::U64, Value::Number(5), Comes::Callee(said.into()));
        Case { body: format!("(i32.const {})", at as i32), ..honest }
    };
    let beyond = "beyond its memory of 131072 bytes";
    let text = |name: &str, range, comes| value(name.into(), Ty::String, range, comes);
    vec![
        at("that is misaligned", BASE + 4, "which is no multiple of 8"),
        at("over the end", MEMORY - 8, beyond),
        at("behind the end", MEMORY, beyond),
        at("at the last multiple of its alignment", u32::MAX - 7, beyond),
        at("at the first address of the other half", 1 << 31, beyond),
        value("a bool of 2".into(), Ty::Bool, Value::Number(2), Comes::Gets(vec![1 << 32])),
        value("a bool of 255".into(), Ty::Bool, Value::Number(255), Comes::Gets(vec![1 << 32])),
        value("flags with unknown bits".into(), Ty::Flags(3), Value::Number(0xff), Comes::Gets(vec![7 << 32])),
        value("flags with more".into(), Ty::Flags(9), Value::Number(0xffff), Comes::Gets(vec![0x1ff << 32])),
        text("an empty string at the end", Value::Range(MEMORY, 0), Comes::Returns),
        text("a string that is all of the memory", Value::Range(0, MEMORY), Comes::Returns),
        value("all of the memory".into(), Ty::U8.list(), Value::Range(0, MEMORY), Comes::Returns),
        value("more than all".into(), Ty::U8.list(), Value::Range(0, MEMORY + 1), Comes::Callee(beyond.into())),
    ]
}

/// What lies in the callee's memory between its values does not come along.
fn leftovers() -> Vec<Case> {
    let none = || Value::Case(0, None);
    let record = Ty::Record(vec![Ty::U8, Ty::U32, Ty::U8, Ty::U64]);
    let cases = [
        ("padding of a record", record, Value::Fields([1, 2, 3, 4].map(Value::Number).to_vec())),
        ("none", Ty::U64.option(), none()),
        ("a case without payload", Ty::Variant(vec![None, Some(Ty::U64), Some(Ty::String)]), none()),
        (
            "a smaller case",
            Ty::Variant(vec![Some(Ty::U8), Some(Ty::U64)]),
            Value::Case(0, Some(Value::Number(5).into())),
        ),
        ("ok without payload", Ty::Result(None, Some(Ty::String.into())), none()),
    ];
    let with = |(name, ty, of): (&str, Ty, Value)| {
        let clean = value(name.into(), ty.clone(), of.clone(), Comes::Returns);
        let (result, of) = (ty.or_text(), Value::Case(0, Some(of.into())));
        let mut image = Image { fill: 0xaa, ..Image::at(BASE) };
        let at = image.allocate(result.align(), result.size());
        image.store(&result, &of, at);
        assert_ne!(image.bytes, clean.image.bytes, "there is nothing between the values");
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let words = clean.image.bytes.chunks(8).map(word).collect();
        Case { image, comes: Comes::Gets(words), ..clean }
    };
    cases.into_iter().map(with).collect()
}

/// How a call may end.
fn ends() -> Vec<Case> {
    let dies = |name: &str, body: &str, said: &str| does(name, body, Comes::Callee(said.into()));
    vec![
        dies("a trap", "(unreachable)", "`unreachable`"),
        dies("a division by zero", "(drop (i32.div_u (i32.const 1) (global.get $zero)))", "zero"),
        dies("a load behind the end", "(drop (i64.load offset=4 (i32.const -8)))", "out of bounds memory access"),
        dies("a store far behind the end", "(i64.store (i32.const -8) (i64.const 0))", "out of bounds memory access"),
        dies("an exit with 0", "(call $exit (i32.const 0))", "exit status 0"),
        dies("an exit with 7", "(call $exit (i32.const 7))", "exit status 7"),
        dies("a loop", "(loop $for_ever (br $for_ever))", "took more than"),
        dies("deep recursion", "(drop (call $deep (i32.const 0)))", "stack"),
        dies("a call of nothing", "(drop (call_indirect $none (type $case) (i32.const 9)))", "undefined element"),
        dies("a call of null", "(drop (call_indirect $none (type $case) (i32.const 1)))", "uninitialized"),
        dies(
            "a call of another type",
            "(call_indirect $none (param i64) (i64.const 1) (i32.const 0))",
            "indirect call",
        ),
        does("a memory that grows", "(drop (memory.grow (i32.const 1)))", Comes::Gets(vec![0, 5])),
        does("a memory that can't", "(drop (memory.grow (i32.const 65535)))", Comes::Gets(vec![0, 5])),
    ]
}

/// Results of one core value, which come back without memory; the edge says `trap`, for there is no room for an error.
fn bare() -> Vec<Case> {
    let bits = |name: &str, result: Ty, bits: u64, comes: Comes| Case {
        name: name.into(),
        body: constant(result.flat()[0], bits),
        result,
        image: Image::at(BASE),
        comes,
    };
    let both = |name: &str, result: Ty, value: u64, said: &str| bits(name, result, value, Comes::Both(said.into()));
    let gets = |name: &str, result: Ty, value: u64, got: u64| bits(name, result, value, Comes::Gets(vec![got]));
    vec![
        gets("bool 2", Ty::Bool, 2, 1),
        gets("bool 2^31", Ty::Bool, 1 << 31, 1),
        gets("u8 with more bits", Ty::U8, 0xdead_be01, 1),
        gets("s8 without a sign", Ty::S8, 0x80, 0xffff_ff80),
        gets("u16 with more bits", Ty::U16, 0xffff_0002, 2),
        gets("s16 without a sign", Ty::S16, 0x8000, 0xffff_8000),
        gets("s32", Ty::S32, 0x8000_0000, 0x8000_0000),
        gets("s64", Ty::S64, 1 << 63, 1 << 63),
        gets("f32, a signalling NaN", Ty::F32, 0x7fa0_0001, 0x7fa0_0001),
        gets("f64, a signalling NaN", Ty::F64, 0x7ff4_0000_0000_0001, 0x7ff4_0000_0000_0001),
        gets("flags with unknown bits", Ty::Flags(3), 0xffff_ffff, 7),
        gets("a tuple of one", Ty::Tuple(vec![Ty::U8]), 0x101, 1),
        both("a char behind the last", Ty::Char, 0x11_0000, "has 0x110000 for a char"),
        both("a surrogate", Ty::Char, 0xd800, "has 0xd800 for a char"),
        both("an enum behind the last", Ty::Enum(3), 3, "has case 3 of 3"),
        both("an enum's high bits", Ty::Enum(3), 0x100, "has case 256 of 3"),
        both("a case behind the last", Ty::Variant(vec![None, None]), 2, "has case 2 of 2"),
        both("a result's high bits", Ty::Result(None, None), 0x8000_0000, "has case 2147483648 of 2"),
        both("a string behind the end", Ty::String, 131_072, "beyond its memory of 131072 bytes"),
        both("a list that is misaligned", Ty::U64.list(), 2, "which is no multiple of 4"),
    ]
}

/// The interface of the functions.
fn interface(functions: &[Ty]) -> String {
    let (mut declared, mut text) = (String::new(), String::new());
    for (k, result) in functions.iter().enumerate() {
        let _ = writeln!(text, "call{k}: func() -> {};", result.wit(&mut declared));
    }
    format!("package test:liar {{ interface calls {{ {declared} {text} }} }}\n")
}

/// The caller, which is attacked: its cases call the functions, one each.
fn victim(functions: &[Ty], wit: &str) -> Module {
    let (mut imports, mut cases) = (String::new(), String::new());
    for (k, result) in functions.iter().enumerate() {
        let flat = result.flat();
        if flat.len() > 1 {
            let _ = write!(imports, "(import \"test:liar/calls\" \"call{k}\" (func $f{k} (param i32)))");
            let words = result.size().min(248);
            // What the area had before is not what the result is.
            let _ = write!(
                cases,
                "(func $c{k} (result i32) (call $f{k} (i32.const 8448)) (call $called)
                    (memory.copy (i32.const 4104) (i32.const 8448) (i32.const {words})) (i32.load8_u (i32.const 8448)))"
            );
        } else {
            let core = flat[0].name();
            let _ = write!(imports, "(import \"test:liar/calls\" \"call{k}\" (func $f{k} (result {core})))");
            let _ = write!(
                cases,
                "(func $c{k} (result i32) ({core}.store (i32.const 4104) (call $f{k})) (call $called) (i32.const 0))"
            );
        }
    }
    let text = format!("(module {imports} {ATTACKED} {ATTACK} {} {cases})", table(functions.len()));
    let world = "interface attack { attack: func(number: u32) -> result<u32, string>; }\n";
    let desk = DESK.replace("package test:desk {", "package test:desk { ");
    let wit = format!(
        "package test:tool; {world} world victim {{ import test:liar/calls; export attack; export test:desk/desk; }}\n{desk}{wit}"
    );
    Module { name: "victim", text, wit }
}

fn liar(cases: &[Case], wit: &str) -> Module {
    let mut text = String::from(
        "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (memory (export \"memory\") 2) (global $zero (mut i32) (i32.const 0))
        (type $case (func (result i32))) (table $none 2 funcref) (elem (i32.const 0) func $deep)
        (func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))",
    );
    for (i, Case { result, body, image, .. }) in cases.iter().enumerate() {
        let core = result.flat();
        let core = if core.len() > 1 { "i32" } else { core[0].name() };
        let (bytes, base, len) = (quoted(&image.bytes), image.base, image.bytes.len());
        let _ = write!(
            text,
            "(data $d{i} {bytes})
            (func (export \"test:liar/calls#call{i}\") (result {core})
                (memory.init $d{i} (i32.const {base}) (i32.const 0) (i32.const {len})) {body})"
        );
    }
    let (_, wit) = wit.split_once('{').expect("a package");
    let wit = wit.trim_end().strip_suffix('}').expect("a package");
    Module { name: "liar", text: text + ")", wit: format!("package test:liar; {wit} world liar {{ export calls; }}") }
}

/// Runs every case, and says of all that were not as they should be.
#[track_caller]
fn hold(mut cases: Vec<Case>, on_fault: &str) {
    let honest = match on_fault {
        "error" => value("honest".into(), Ty::U32, Value::Number(5), Comes::Gets(vec![0x5_0000_0000])),
        _ => Case {
            name: "honest".into(),
            result: Ty::U8,
            body: "(i32.const 5)".into(),
            image: Image::at(BASE),
            comes: Comes::Gets(vec![5]),
        },
    };
    cases.insert(0, honest);
    let functions: Vec<Ty> = cases.iter().map(|case| case.result.clone()).collect();
    let wit = interface(&functions);
    let edges = "[deps.tool]\nmodule = \"tool.toml\"\non_fault = \"error\"\nlimits.time = \"5s/call\"\nshared = []\n";
    let tool = format!(
        "[package]\nname = \"tool\"\nmodule = \"victim.bwk\"\n\
         [deps.liar]\nmodule = \"liar.bwk\"\non_fault = \"{on_fault}\"\nlimits.time = \"{SHORT}\"\n"
    );
    let modules = [judge(), near(), victim(&functions, &wit), liar(&cases, &wit)];
    let bench = Bench::with(&manifest(edges), &[("tool.toml", &tool)], &modules);
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let verdict = bench.judge(i);
        if let Err(what) = judged(case, &verdict) {
            wrong.push(format!("{}: {what}: {:?}: {verdict:?}", case.name, case.comes));
        }
    }
    println!("{} cases", cases.len());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

fn judged(case: &Case, verdict: &Verdict) -> Result<(), String> {
    let expect = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let (caller, callee) = (verdict.run.death("judge/tool"), verdict.run.death("judge/tool/liar"));
    expect(verdict.ping == Ok(42), "somebody else does not go on")?;
    expect(verdict.before.is_ok(), "there was nothing to compare with")?;
    match &case.comes {
        Comes::Callee(reason) | Comes::Both(reason) => {
            expect(callee.is_some_and(|said| said.contains(reason.as_str())), "the callee is not dead for that")?;
            expect(callee.is_some_and(|said| said.contains("callee") || said.contains("took")), "nobody is blamed")?;
            if matches!(case.comes, Comes::Both(_)) {
                expect(verdict.attack.is_err() && verdict.after.is_err(), "the caller goes on")?;
                return expect(caller.is_some_and(|said| said.contains("liar")), "the caller is not dead for that");
            }
            // An error value each time: now, and when it calls the dead one again.
            expect(verdict.attack == Ok(1) && verdict.again == Ok(1), "the caller has no error value")?;
        }
        Comes::Gets(_) | Comes::Returns => {
            expect(callee.is_none(), "the callee is dead")?;
            expect(verdict.attack == Ok(0) && verdict.again == Ok(0), "it is no success")?;
            if let (Comes::Gets(words), Ok(seen)) = (&case.comes, &verdict.seen) {
                expect(seen[1..=words.len()] == words[..], &format!("it should have got {words:x?}"))?;
            }
        }
    }
    expect(caller.is_none(), "the caller is dead")?;
    expect(verdict.seen.as_ref().is_ok_and(|seen| seen[0] == 1), "the call did not return once")?;
    expect(verdict.after == verdict.before, "memory has changed that nothing was received in")
}

#[test]
fn attack_13_every_wrong_result_in_every_position_ends_its_callee() {
    for cases in everywhere() {
        hold(cases, "error");
    }
}

#[test]
fn attack_13_pointers_of_a_result() {
    hold(pointers(), "error");
}

#[test]
fn attack_1c_what_lies_between_values_of_a_result_does_not_get_through() {
    hold(leftovers(), "error");
}

#[test]
fn attack_13_however_a_call_ends_its_caller_goes_on() {
    hold(ends(), "error");
}

#[test]
fn attack_13_bits_of_a_result_that_mean_nothing_do_not_get_through() {
    hold(bare(), "trap");
}
