//! Hostile callers: parameters that no honest module would pass, in every position that a value can have.

use super::canonical::{Core, Image, Ty, Value};
use super::*;
use crate::{built, ended};
use bailiwick_tests::cli::bailiwick;

/// What comes of a call.
#[derive(Clone, Debug)]
enum Comes {
    /// The caller dies for it, which its reason says in these words; the callee's function is not called.
    Caller(String),
    /// The same, with the place of the value.
    CallerAt(String, String),
    /// The callee dies for it.
    Callee(&'static str),
    /// The callee is called, and sees these core values.
    Seen(Vec<u64>),
    /// The callee is called; what it sees is checked elsewhere.
    Called,
}

/// A call: a function by the types of its parameters, and what is passed to it.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    params: Vec<Ty>,
    /// Bits of the core values.
    core: Vec<u64>,
    image: Image,
    /// Where it wants the result.
    area: u32,
    comes: Comes,
}

/// Bytes of the hostile caller's memory, and where its values lie, unless said.
const MEMORY: u32 = 2 << 16;
const BASE: u32 = 20_000;
/// Where it wants the result, unless said.
const AREA: u32 = 12_000;

/// A parameter list of more than 16 core values is passed by a pointer (CanonicalABI.md, `MAX_FLAT_PARAMS`).
const MAX_FLAT: usize = 16;

fn flat(params: &[Ty]) -> Vec<Core> {
    params.iter().flat_map(Ty::flat).collect()
}

/// A call that passes these.
fn call(name: String, params: Vec<Ty>, values: &[Value], comes: Comes) -> Case {
    let mut image = Image::at(BASE);
    let core = if flat(&params).len() > MAX_FLAT {
        let (ty, value) = (Ty::Tuple(params.clone()), Value::Fields(values.to_vec()));
        let at = image.allocate(ty.align(), ty.size());
        image.store(&ty, &value, at);
        vec![at.into()]
    } else {
        params.iter().zip(values).flat_map(|(ty, value)| image.lower(ty, value)).collect()
    };
    Case { name, params, core, image, area: AREA, comes }
}

/// Values that no honest module passes, and what is said of them.
pub fn wrong() -> Vec<(&'static str, Ty, Value, String)> {
    let number = Value::Number;
    let text = |at, len, said: &str| (Ty::String, Value::Range(at, len), said.to_owned());
    let words = |at, len, said: &str| (Ty::U32.list(), Value::Range(at, len), said.to_owned());
    let longs = |at, len, said: &str| (Ty::U64.list(), Value::Range(at, len), said.to_owned());
    let beyond = "beyond its memory of 131072 bytes";
    let mut wrong: Vec<(&'static str, (Ty, Value, String))> = vec![
        ("a string one byte over the end", text(MEMORY - 3, 4, beyond)),
        ("a string that wraps", text(0xffff_fff0, 0x20, beyond)),
        ("a string from the last address on", text(u32::MAX, 1, beyond)),
        ("an empty string behind the end", text(MEMORY + 1, 0, beyond)),
        ("a string of 2^31 bytes", text(0, 1 << 31, "has a string of 2147483648 bytes, and 268435455 is the most")),
        ("a string of 2^32 - 1 bytes", text(1, u32::MAX, "has a string of 4294967295 bytes")),
        ("a string of all bytes but one", text(0, MEMORY + 1, beyond)),
        ("a list over the end", words(MEMORY - 4, 2, beyond)),
        ("a misaligned list", words(MEMORY - 6, 1, "which is no multiple of 4")),
        ("a misaligned list of longs", longs(4, 1, "which is no multiple of 8")),
        ("an empty misaligned list", longs(12, 0, "which is no multiple of 8")),
        ("a list of which 32 bits see 8 bytes", longs(0, 0x2000_0001, "has a list of 4294967304 bytes")),
        ("a list of 2^32 - 1 longs", longs(0, u32::MAX, "has a list of 34359738360 bytes")),
        ("an enum's case behind the last", (Ty::Enum(3), number(3), "has case 3 of 3".into())),
        ("an enum's case 255", (Ty::Enum(3), number(255), "has case 255 of 3".into())),
        ("a large enum's case", (Ty::Enum(300), number(300), "has case 300 of 300".into())),
        ("a variant's case", (variant(Ty::U8), Value::Case(3, None), "has case 3 of 3".into())),
        ("an option's case", (Ty::U8.option(), Value::Case(2, None), "has case 2 of 2".into())),
        ("a result's case", (Ty::U8.or_text(), Value::Case(0x80, None), "has case 128 of 2".into())),
    ]
    .into_iter()
    .collect();
    for char in [0xd800, 0xdbff, 0xdfff, 0x11_0000, 0x8000_0041, u32::MAX] {
        wrong.push(("a char", (Ty::Char, number(char.into()), format!("has {char:#x} for a char"))));
    }
    for (bytes, offset) in NO_UTF8 {
        let said = format!("has a string that is no UTF-8, from byte {offset} on");
        wrong.push(("no UTF-8", (Ty::String, Value::Text(bytes.to_vec()), said)));
    }
    wrong.into_iter().map(|(name, (ty, value, said))| (name, ty, value, said)).collect()
}

fn variant(of: Ty) -> Ty {
    Ty::Variant(vec![None, Some(of), Some(Ty::U64)])
}

/// A value that has nothing wrong with it.
fn right(ty: &Ty) -> Value {
    match ty {
        Ty::String => Value::Text(b"right".to_vec()),
        Ty::List(_) => Value::List(vec![]),
        Ty::Record(of) | Ty::Tuple(of) => Value::Fields(of.iter().map(right).collect()),
        Ty::Variant(_) | Ty::Option(_) => Value::Case(0, None),
        Ty::Result(ok, _) => Value::Case(0, ok.as_ref().map(|ok| right(ok).into())),
        _ => Value::Number(1),
    }
}

/// A type and a value of it, within others: what it is in, how a place in it is called, and both.
pub fn within(ty: &Ty, value: &Value) -> Vec<(&'static str, &'static str, Ty, Value)> {
    let (t, v) = (|| ty.clone(), || value.clone());
    let case = |case, value| Value::Case(case, Some(Box::new(value)));
    vec![
        ("alone", "", t(), v()),
        ("list", "[", t().list(), Value::List(vec![right(ty), v()])),
        ("record", ".x1", Ty::Record(vec![Ty::U8, t()]), Value::Fields(vec![Value::Number(1), v()])),
        ("tuple", "", Ty::Tuple(vec![t(), Ty::U64]), Value::Fields(vec![v(), Value::Number(2)])),
        ("variant", "", variant(t()), case(1, v())),
        ("option", "", t().option(), case(1, v())),
        ("ok", "", Ty::Result(Some(t().into()), Some(Ty::U32.into())), case(0, v())),
        ("err", "", Ty::Result(None, Some(t().into())), case(1, v())),
        (
            "deep",
            "",
            Ty::Record(vec![Ty::U8, t().option().list()]).list(),
            Value::List(vec![Value::Fields(vec![
                Value::Number(1),
                Value::List(vec![Value::Case(0, None), case(1, right(ty)), case(1, v())]),
            ])]),
        ),
    ]
}

/// Every wrong value in every type, by core values and by pointer; those of the same type together.
fn everywhere() -> Vec<Vec<Case>> {
    let mut groups: Vec<(Ty, Vec<Case>)> = Vec::new();
    for (what, ty, value, said) in wrong() {
        let at = groups.iter().position(|(of, _)| *of == ty).unwrap_or_else(|| {
            groups.push((ty.clone(), Vec::new()));
            groups.len() - 1
        });
        let cases = &mut groups[at].1;
        for (how, place, ty, value) in within(&ty, &value) {
            let said = |number: usize| match place {
                "" => Comes::Caller(said.clone()),
                place => Comes::CallerAt(format!("parameter p{number}{place}"), said.clone()),
            };
            let name = format!("{what} ({value:?}), {how}");
            cases.push(call(format!("{name}, flat"), vec![ty.clone()], std::slice::from_ref(&value), said(0)));
            // Behind 16 others.
            let mut params = vec![Ty::U8; 16];
            params.push(ty);
            let mut values = vec![Value::Number(7); 16];
            values.push(value);
            cases.push(call(format!("{name}, in memory"), params, &values, said(16)));
        }
    }
    groups.into_iter().map(|(_, cases)| cases).collect()
}

/// Core values of which only a part means something, and discriminants of which all does.
fn bits() -> Vec<Case> {
    let seen = |name: &str, ty: Ty, core: Vec<u64>, seen: Vec<u64>| Case {
        name: name.into(),
        params: vec![ty],
        core,
        image: Image::at(BASE),
        area: AREA,
        comes: Comes::Seen(seen),
    };
    let refused = |ty: Ty, core: Vec<u64>, said: &str| Case {
        comes: Comes::Caller(said.into()),
        ..seen("a discriminant's high bits", ty, core, vec![])
    };
    let in_memory = |name: &str, ty: Ty, value: u64, at: usize, seen: u64| {
        // 16 bytes, and then that type: what the callee sees are words of its copy.
        let (mut params, mut values) = (vec![Ty::U8; 16], vec![Value::Number(0); 16]);
        params.push(ty);
        values.push(Value::Number(value));
        let mut words = vec![0; at];
        words.push(seen);
        call(format!("{name}, in memory"), params, &values, Comes::Seen(words))
    };
    let minus_one = u64::from(u32::MAX);
    vec![
        seen("bool 2", Ty::Bool, vec![2], vec![1]),
        seen("bool 2^31", Ty::Bool, vec![1 << 31], vec![1]),
        seen("bool 256", Ty::Bool, vec![256], vec![1]),
        seen("u8 with more bits", Ty::U8, vec![0xdead_be01], vec![1]),
        seen("s8 with more bits", Ty::S8, vec![0x7f], vec![0x7f]),
        seen("s8 without a sign", Ty::S8, vec![0xff], vec![minus_one]),
        seen("u16 with more bits", Ty::U16, vec![0xffff_0002], vec![2]),
        seen("s16 without a sign", Ty::S16, vec![0x8000], vec![0xffff_8000]),
        seen("flags with unknown bits", Ty::Flags(3), vec![0xffff_ffff], vec![7]),
        seen("flags with unknown bits of 9", Ty::Flags(9), vec![0xffff_fe00], vec![0]),
        seen("flags with all of 32", Ty::Flags(32), vec![0xffff_ffff], vec![0xffff_ffff]),
        seen("what a case without payload leaves", variant(Ty::U8), vec![0, u64::MAX], vec![0, 0]),
        seen("u8 in a wider slot", variant(Ty::U8), vec![1, 0xdead_beef_dead_be02], vec![1, 2]),
        seen("none with a payload", Ty::Char.option(), vec![0, 0xd800], vec![0, 0]),
        refused(Ty::Enum(3), vec![0x100], "has case 256 of 3"),
        refused(Ty::Enum(3), vec![0x8000_0000], "has case 2147483648 of 3"),
        refused(Ty::U8.option(), vec![0x100, 0], "has case 256 of 2"),
        refused(Ty::U8.option(), vec![0x1_0001 & 0xffff_ffff, 0], "has case 65537 of 2"),
        refused(Ty::U8.or_text(), vec![0xffff_ffff, 0, 0], "has case 4294967295 of 2"),
        refused(variant(Ty::U8), vec![0x8000_0001, 0], "has case 2147483649 of 3"),
        // A char in a slot of 64 bits: only the lower half is it.
        seen("char in a wider slot", variant(Ty::Char), vec![1, 0xffff_ffff_0000_0041], vec![1, 0x41]),
        Case {
            comes: Comes::Caller("has 0xd800 for a char".into()),
            ..seen("char in a wider slot", variant(Ty::Char), vec![1, 0xffff_ffff_0000_d800], vec![])
        },
        in_memory("bool 2", Ty::Bool, 2, 2, 1),
        in_memory("bool 0x80", Ty::Bool, 0x80, 2, 1),
        in_memory("flags with unknown bits", Ty::Flags(3), 0xff, 2, 7),
        in_memory("flags with unknown bits of 9", Ty::Flags(9), 0xffff, 2, 0x1ff),
        in_memory("flags with unknown bits of 17", Ty::Flags(17), 0xffff_ffff, 2, 0x1_ffff),
    ]
}

/// Pointers of the call itself: where parameters lie, and where the result is to go.
fn pointers() -> Vec<Case> {
    let honest = || call("honest".into(), vec![Ty::U32], &[Value::Number(5)], Comes::Called);
    let area = |name: &str, area: u32, said: &str| Case {
        name: format!("a result area {name}"),
        area,
        comes: Comes::Caller(said.into()),
        ..honest()
    };
    let many = |name: &str, at: u32, said: &str| {
        let honest = call(String::new(), vec![Ty::U32; 17], &vec![Value::Number(1); 17], Comes::Called);
        Case { name: format!("parameters {name}"), core: vec![at.into()], comes: Comes::Caller(said.into()), ..honest }
    };
    let beyond = "beyond its memory of 131072 bytes";
    let shared = |params: Vec<Ty>, values: &[Value], name: &str, area: u32| Case {
        area,
        ..call(name.into(), params, values, Comes::Called)
    };
    vec![
        area("that is misaligned", AREA + 4, "which is no multiple of 8"),
        area("over the end", MEMORY - 8, beyond),
        area("behind the end", MEMORY, beyond),
        area("at the last multiple of its alignment", u32::MAX - 7, beyond),
        many("that are misaligned", BASE + 2, "which is no multiple of 4"),
        many("over the end", MEMORY - 64, beyond),
        many("behind the end", MEMORY + 65536, beyond),
        many("at the last multiple of their alignment", u32::MAX - 3, beyond),
        Case { name: "a result area that ends with the memory".into(), area: MEMORY - 16, ..honest() },
        // The result may overwrite what it was asked with: that is the caller's own.
        shared(vec![Ty::String], &[Value::Text(vec![b'a'; 64])], "a result area over a string", (BASE + 8) & !7),
        shared(vec![Ty::U64; 17], &vec![Value::Number(3); 17], "a result area over the parameters", BASE),
        shared(
            vec![Ty::String; 2],
            &[Value::Range(BASE, 0), Value::Range(MEMORY, 0)],
            "empty strings at the end",
            AREA,
        ),
        shared(vec![Ty::U64.list()], &[Value::Range(MEMORY, 0)], "an empty list at the end", AREA),
        shared(vec![Ty::U8.list()], &[Value::Range(0, MEMORY)], "a list that is all of the memory", AREA),
    ]
}

/// What lies in the caller's memory between its values: what was there before, secrets perhaps. Each is passed in memory
/// behind 16 bytes, and as the elements of a list; the callee looks at all the words that it received.
fn leftovers() -> Vec<Case> {
    let none = || Value::Case(0, None);
    let record = Ty::Record(vec![Ty::U8, Ty::U32, Ty::U8, Ty::U64]);
    let fields = || Value::Fields([1, 2, 3, 4].map(Value::Number).to_vec());
    let mut cases = Vec::new();
    for (name, ty, value) in [
        ("padding of a record", record, fields()),
        ("none", Ty::U64.option(), none()),
        ("a case without payload", Ty::Variant(vec![None, Some(Ty::U64), Some(Ty::String)]), none()),
        (
            "a smaller case",
            Ty::Variant(vec![Some(Ty::U8), Some(Ty::U64)]),
            Value::Case(0, Some(Value::Number(5).into())),
        ),
        ("ok without payload", Ty::Result(None, Some(Ty::String.into())), none()),
    ] {
        for listed in [false, true] {
            let (ty, value) = match listed {
                false => (ty.clone(), value.clone()),
                true => (ty.clone().list(), Value::List(vec![value.clone(); 2])),
            };
            let how = if listed { "in a list" } else { "in memory" };
            let mut params = vec![Ty::U8; if listed { 0 } else { 16 }];
            let mut values = vec![Value::Number(0); params.len()];
            params.push(ty);
            values.push(value);
            let clean = call(String::new(), params.clone(), &values, Comes::Called);
            let mut image = Image { fill: 0xaa, ..Image::at(BASE) };
            let core = if listed {
                image.lower(&params[0], &values[0])
            } else {
                let (ty, value) = (Ty::Tuple(params.clone()), Value::Fields(values));
                let at = image.allocate(ty.align(), ty.size());
                image.store(&ty, &value, at);
                vec![at.into()]
            };
            assert_ne!(image.bytes, clean.image.bytes, "there is nothing between the values");
            // The same without what lies between is what it may see.
            let words = clean.image.bytes.chunks(8).map(|word| {
                let mut bytes = [0; 8];
                bytes[..word.len()].copy_from_slice(word);
                u64::from_le_bytes(bytes)
            });
            let words: Vec<u64> =
                if listed { [ALLOCATED as u64, 2].into_iter().chain(words).collect() } else { words.collect() };
            cases.push(Case { name: format!("{name}, {how}"), image, core, comes: Comes::Seen(words), ..clean });
        }
    }
    cases
}

/// Few bytes that are many: lists whose elements are all the same list.
fn bombs() -> Vec<Case> {
    let nested = |depth: usize| (0..depth).fold(Ty::U8, |ty, _| ty.list());
    // `count` elements at each level, each of which is the level below; the last level is `len` bytes.
    let bomb = |name: &str, depth: usize, count: u32, len: u32, comes: Comes| {
        let mut image = Image::at(BASE);
        let mut range = (0u32, len);
        for _ in 1..depth {
            let at = image.allocate(4, 8 * count);
            let element: Vec<u8> = [range.0, range.1].iter().flat_map(|word| word.to_le_bytes()).collect();
            let from = (at - image.base) as usize;
            image.bytes[from..from + 8 * count as usize].copy_from_slice(&element.repeat(count as usize));
            range = (at, count);
        }
        let core = vec![range.0.into(), range.1.into()];
        Case { name: name.into(), params: vec![nested(depth)], core, image, area: AREA, comes }
    };
    vec![
        // 16^12 bytes out of 1.5 KiB: the callee has 256 KiB, and its allocator gives up.
        bomb("terabytes", 12, 16, 1, Comes::Callee("unreachable")),
        // Nothing at the end of it: nothing to allocate there, but as much to look at.
        bomb("terabytes of nothing", 3, 6000, 0, Comes::Callee("unreachable")),
        // Elements that take no allocation at all.
        bomb("much of nothing", 2, 13_000, 0, Comes::Called),
    ]
}

/// The callee: a function for each list of parameters, which writes down what it sees.
fn victim(functions: &[Vec<Ty>], wit: &str) -> Module {
    let mut text = format!("(module {ATTACKED}");
    for (k, params) in functions.iter().enumerate() {
        let core = flat(params);
        let (mut declared, mut body) = (String::new(), String::from("(call $called)"));
        if core.len() > MAX_FLAT {
            declared.push_str(" i32");
            // As words of memory.
            let size = Ty::Tuple(params.clone()).size().min(248);
            let _ = write!(body, "(memory.copy (i32.const 4104) (local.get 0) (i32.const {size}))");
        } else {
            for (i, core) in core.iter().enumerate() {
                let _ = write!(declared, " {}", core.name());
                let as_long = match core {
                    Core::I32 => format!("(i64.extend_i32_u (local.get {i}))"),
                    Core::I64 => format!("(local.get {i})"),
                    Core::F32 => format!("(i64.extend_i32_u (i32.reinterpret_f32 (local.get {i})))"),
                    Core::F64 => format!("(i64.reinterpret_f64 (local.get {i}))"),
                };
                let _ = write!(body, "(i64.store (i32.const {}) {as_long})", 4104 + 8 * i);
            }
            if let [Ty::List(of)] = &params[..] {
                // Its first two elements too.
                let _ = write!(
                    body,
                    "(memory.copy (i32.const 4120) (local.get 0) (select (i32.const {}) (i32.const 0) (i32.eq (local.get 1) (i32.const 2))))",
                    (2 * of.size()).min(200)
                );
            }
        }
        let _ = write!(
            text,
            "(func (export \"test:desk/calls#call{k}\") (param{declared}) (result i32) {body}
                (i64.store (i32.const 8264) (i64.const 42)) (i32.const 8256))"
        );
    }
    let interfaces = format!("{DESK}{wit}").replace("package test:desk {", "").replace("; } }", "; }");
    let wit = format!("package test:desk; {interfaces} world victim {{ export desk; export calls; }}");
    Module { name: "victim", text: text + ")", wit }
}

/// The caller: case 0 is honest.
fn hostile(cases: &[Case], functions: &[Vec<Ty>], wit: &str) -> Module {
    let mut text = String::from("(module");
    for (k, params) in functions.iter().enumerate() {
        let core = flat(params);
        let core = if core.len() > MAX_FLAT {
            " i32".into()
        } else {
            core.iter().map(|c| format!(" {}", c.name())).collect::<String>()
        };
        let _ = write!(text, "(import \"test:desk/calls\" \"call{k}\" (func $f{k} (param{core} i32)))");
    }
    let _ = write!(
        text,
        "(memory (export \"memory\") 2)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024)) {ATTACK} {}",
        table(cases.len())
    );
    for (i, case) in cases.iter().enumerate() {
        let k = functions.iter().position(|params| *params == case.params).expect("a function");
        let core = flat(&case.params);
        let core = if core.len() > MAX_FLAT { vec![Core::I32] } else { core };
        let values: String = core.iter().zip(&case.core).map(|(core, bits)| constant(*core, *bits)).collect();
        let (bytes, base, len) = (quoted(&case.image.bytes), case.image.base, case.image.bytes.len());
        let _ = write!(
            text,
            "(data $d{i} {bytes})
            (func $c{i} (result i32)
                (memory.init $d{i} (i32.const {base}) (i32.const 0) (i32.const {len}))
                (call $f{k} {values} (i32.const {area})) (i32.load8_u (i32.const {area})))",
            area = case.area as i32
        );
    }
    let world = "package test:tool; interface attack { attack: func(number: u32) -> result<u32, string>; }
        world hostile { import test:desk/calls; export attack; }";
    let wit = format!("{world}\npackage test:desk {{ {wit} }}");
    Module { name: "hostile", text: text + ")", wit }
}

/// The interface of the functions.
fn interface(functions: &[Vec<Ty>]) -> String {
    let (mut declared, mut text) = (String::new(), String::new());
    for (k, params) in functions.iter().enumerate() {
        let params: Vec<String> =
            params.iter().enumerate().map(|(i, ty)| format!("p{i}: {}", ty.wit(&mut declared))).collect();
        let _ = writeln!(text, "call{k}: func({}) -> result<u64, string>;", params.join(", "));
    }
    format!("interface calls {{ {declared} {text} }}")
}

/// An application in which a hostile module makes these calls. Case 0 is an honest one.
fn bench(cases: &mut Vec<Case>, on_fault: &str) -> Bench {
    cases.insert(0, call("honest".into(), vec![Ty::U32], &[Value::Number(5)], Comes::Seen(vec![5])));
    let mut functions: Vec<Vec<Ty>> = Vec::new();
    for case in cases.iter() {
        if !functions.contains(&case.params) {
            functions.push(case.params.clone());
        }
    }
    let wit = interface(&functions);
    let edges = format!(
        "[shared.desk]\nmodule = \"victim.bwk\"\non_fault = \"error\"\n\
         [deps.tool]\nmodule = \"hostile.bwk\"\nshared = [\"desk\"]\non_fault = \"{on_fault}\"\n\
         limits.time = \"5s/call\"\n"
    );
    let modules = [judge(), near(), victim(&functions, &wit), hostile(cases, &functions, &wit)];
    Bench::new(&manifest(&edges), &modules)
}

/// Runs every case, and says of all that were not as they should be.
#[track_caller]
fn hold(mut cases: Vec<Case>) {
    let bench = bench(&mut cases, "error");
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
    let (caller, callee) = (verdict.run.death("judge/tool"), verdict.run.death("judge/desk"));
    expect(verdict.ping == Ok(42), "somebody else does not go on")?;
    expect(verdict.before.is_ok(), "there was nothing to compare with")?;
    match &case.comes {
        Comes::Callee(reason) => {
            expect(callee.is_some_and(|said| said.contains(reason)), "the callee is not dead for that")?;
            expect(verdict.after.is_err(), "the callee is dead, and answers")?;
            return expect(
                caller.is_none() && verdict.attack == Ok(1),
                "the caller does not go on with an error value",
            );
        }
        Comes::Caller(reason) | Comes::CallerAt(_, reason) => {
            expect(caller.is_some_and(|said| said.contains(reason.as_str())), "the caller is not dead for that")?;
            if let Comes::CallerAt(place, _) = &case.comes {
                expect(caller.is_some_and(|said| said.contains(place.as_str())), "the place is not said")?;
            }
            expect(caller.is_some_and(|said| said.contains("the caller")), "who is to blame is not said")?;
            expect(verdict.attack.is_err() && verdict.again.is_err(), "the caller is dead, and answers")?;
            expect(
                verdict.seen.as_ref().is_ok_and(|seen| seen.iter().all(|word| *word == 0)),
                "the callee was called",
            )?;
        }
        Comes::Seen(_) | Comes::Called => {
            expect(caller.is_none(), "the caller is dead")?;
            expect(verdict.attack == Ok(0) && verdict.again == Ok(0), "it is no success")?;
            let seen = verdict.seen.as_ref().map_err(|e| e.clone())?;
            expect(seen[0] == 1, "the callee was not called once")?;
            if let Comes::Seen(words) = &case.comes {
                expect(seen[1..=words.len()] == words[..], &format!("it should have seen {words:x?}"))?;
            }
        }
    }
    expect(callee.is_none(), "the callee is dead")?;
    expect(verdict.after == verdict.before, "memory has changed that nothing was received in")
}

#[test]
fn attack_13_every_wrong_value_in_every_position_ends_its_caller() {
    for cases in everywhere() {
        hold(cases);
    }
}

#[test]
fn attack_13_bits_that_mean_nothing_do_not_get_through() {
    hold(bits());
}

#[test]
fn attack_13_pointers_of_a_call() {
    hold(pointers());
}

#[test]
fn attack_1c_what_lies_between_values_does_not_get_through() {
    hold(leftovers());
}

#[test]
fn attack_13_few_bytes_that_are_many() {
    hold(bombs());
}

#[test]
fn attack_13_on_the_command_line_the_status_says_how_it_ended() {
    let mut cases = pointers();
    let bench = bench(&mut cases, "trap");
    for (i, case) in cases.iter().enumerate().step_by(3) {
        let mut command = bailiwick(&built().cache);
        command.arg("run").arg(bench.manifest()).arg(i.to_string()).env("BAILIWICKC", "/nonexistent");
        let ended = ended(&mut command);
        match &case.comes {
            // The caller dies, and the root with it: its edge says `trap`.
            Comes::Caller(said) | Comes::CallerAt(_, said) => {
                ended.with(134).says(&["judge/tool → desk", said, "note: judge/tool died"]).prints("");
            }
            _ => drop(ended.with(0)),
        }
    }
}
