//! Random calls: a type, two modules, values and what is wrong with them.

use super::generate::{self, Signature};
use super::guests::{self, Act, Answer, Guest, IMAGE, Lie, Types};
use super::harness::{Application, adapted, module};
use super::model::{self, Core, Lifter, Lowerer, Ty, Value};
use super::random::Random;
use super::text;
use bailiwick_loader::Artifact;
use bailiwick_runtime_abi::edge::places;

/// Values of more bytes are not tried.
const MOST: usize = 48 << 10;
/// Values that are looked at when one is lifted.
pub const PATIENCE: usize = 1 << 20;
/// Places of a function that has compiled code whatever its types are.
const SMALL: u32 = 80;
/// How long a call may take if it is to be ended.
const SOON: &str = "time = \"250ms/call\"";
/// How long others may take: there is a limit, and it is not met.
const LATE: &str = "time = \"600s/call\"";

/// One application.
#[derive(Debug)]
pub struct Case {
    /// What is called.
    pub signature: Signature,
    /// Who calls: its memory before anything has run, and its allocator.
    pub caller: Guest,
    /// Who is called.
    pub callee: Guest,
    /// Core parameters of each call.
    pub calls: Vec<Vec<u64>>,
    /// What becomes of each call.
    pub answers: Vec<Answer>,
    /// Whether the callee's death is a value.
    pub error: bool,
    /// Whether a third module is the root.
    pub driven: bool,
    /// Whether there is a post-return function.
    pub cleans: bool,
    limits: [String; 2],
}

impl Case {
    /// The case of a number; none if its values are too large.
    pub fn new(seed: u64) -> Option<Case> {
        let random = &mut Random::new(seed);
        let signature = signature(random);
        // Half of them are honest.
        let hostile = random.one_in(2);
        let count = 1 + random.below(3);
        let mut caller = Image::new(random);
        let mut callee = Image::new(random);
        let mut calls = Vec::new();
        let mut answers = Vec::new();
        let results: Vec<Ty> = signature.result.iter().cloned().collect();
        for _ in 0..count {
            let values = caller.values(random, &signature.params);
            let mut params = caller.lower(random, &signature.params, &values, 16)?;
            if flat(&results) > 1 {
                let place = caller.place(random, &results[0])?;
                params.push(u64::from(if hostile && random.one_in(12) { number(random) } else { place }));
            }
            let results_of = callee.values(random, &results);
            let value = callee.lower(random, &results, &results_of, 1)?.first().copied().unwrap_or_default();
            let mut answer = Answer { value, act: Act::Nothing, cleans: Act::Nothing };
            if hostile {
                if random.one_in(2) {
                    caller.spoil(random, &signature.params, &mut params, 16);
                } else if random.one_in(2) {
                    let mut value = [answer.value];
                    callee.spoil(random, &results, &mut value[..results.len()], 1);
                    answer.value = value[0];
                }
                answer.act = act(random, 8);
                answer.cleans = act(random, 12);
            } else if random.one_in(4) {
                answer.act = Act::Grow;
            }
            calls.push(params);
            answers.push(answer);
        }
        let driven = random.one_in(2);
        let mut sides = [caller, callee].map(|image| Guest {
            image: image.bytes[IMAGE..image.top].to_vec(),
            pages: [1 + random.below(2) as u32, if random.one_in(5) { 2 } else { 40 }],
            lies: lies(random, hostile),
        });
        for lie in &mut sides[0].lies {
            // The root has no limit of time.
            if lie.1 == Lie::Never(Act::Loop) && !driven {
                lie.1 = Lie::Never(Act::Trap);
            }
        }
        let loops = |guest: &Guest| guest.lies.iter().any(|(_, lie)| *lie == Lie::Never(Act::Loop));
        let endless = answers.iter().any(|answer| answer.act == Act::Loop || answer.cleans == Act::Loop);
        let limits = [loops(&sides[0]), endless || loops(&sides[1])];
        let [caller, callee] = sides;
        Some(Case {
            caller,
            callee,
            calls,
            answers,
            error: has_room(&signature) && !random.one_in(4),
            signature,
            driven,
            cleans: !random.one_in(3),
            limits: limits.map(|limited| {
                let time = match limited {
                    true => SOON,
                    // The root has none.
                    false if driven && random.one_in(3) => LATE,
                    false => "",
                };
                let stack = if random.one_in(6) { [64, 128, 160][random.below(3)] } else { 8192 };
                [format!("stack = \"{stack}KiB\""), time.to_owned()].join(if time.is_empty() { "" } else { ", " })
            }),
        })
    }

    /// One call of values that are what they should be, between modules that do what they should.
    ///
    /// # Panics
    /// If the values are too large.
    pub fn honest(signature: Signature, params: &[Value], result: Option<&Value>) -> Case {
        let random = &mut Random::new(0);
        let (mut caller, mut callee) = (Image::new(random), Image::new(random));
        let results: Vec<Ty> = signature.result.iter().cloned().collect();
        let mut flat_params = caller.lower(random, &signature.params, params, 16).expect("room");
        if flat(&results) > 1 {
            flat_params.push(caller.place(random, &results[0]).expect("room").into());
        }
        let values: Vec<Value> = result.into_iter().cloned().collect();
        let value = callee.lower(random, &results, &values, 1).expect("room").first().copied().unwrap_or_default();
        let [caller, callee] = [caller, callee].map(|image| Guest {
            image: image.bytes[IMAGE..image.top].to_vec(),
            pages: [1, 40],
            lies: Vec::new(),
        });
        Case {
            signature,
            caller,
            callee,
            calls: vec![flat_params],
            answers: vec![Answer { value, act: Act::Nothing, cleans: Act::Nothing }],
            error: false,
            driven: false,
            cleans: true,
            limits: Default::default(),
        }
    }

    /// The two modules.
    pub fn modules(&self) -> [Artifact; 2] {
        let wit = text::package(&self.signature);
        let results: Vec<Ty> = self.signature.result.iter().cloned().collect();
        let params: Vec<Core> = self.signature.params.iter().flat_map(model::flatten).collect();
        let params = if params.len() > 16 { vec![Core::I32] } else { params };
        let pointer = flat(&results) > 1;
        let result = results.first().map(|ty| model::flatten(ty)[0]);
        let mut import = Types { params: params.clone(), result: result.filter(|_| !pointer) };
        import.params.extend(pointer.then_some(Core::I32));
        let export = Types { params, result: if pointer { Some(Core::I32) } else { result } };
        let caller = guests::caller(&self.caller, &import, &self.calls);
        let callee = guests::callee(&self.callee, &export, &self.answers, self.cleans);
        [module(&caller, &wit, "caller"), module(&callee, &wit, "callee")]
    }

    /// The application that they are.
    pub fn application(&self, driver: &Artifact) -> Application {
        let [caller, callee] = self.modules();
        let world = caller.view().world().expect("a world").expect("a world");
        let import = world.import("test:edges/api", "f").expect("an import");
        // Only what is small is sure to have compiled code.
        let (places, compiled) = (places(&world, import), adapted(&caller, "test:edges/api", "f"));
        assert!(places.is_some() || !compiled);
        assert!(compiled || places.is_none_or(|places| places > SMALL), "{places:?}");
        assert!(adapted(&caller, "test:edges/pulse", "alive"));
        Application::new(&self.manifest(), &[("driver", driver), ("caller", &caller), ("callee", &callee)])
    }

    fn manifest(&self) -> String {
        let grants = "a = \"a\", b = \"b\", c = \"c\", d = \"d\", out = \"out\"";
        let [caller, callee] = &self.limits;
        let fault = if self.error { "error" } else { "trap" };
        let mut host = String::from("[host]\nout = { kind = \"stdio\", stdout = \"capture\" }\n");
        for folder in ["a", "b", "c", "d"] {
            host += &format!("{folder} = {{ kind = \"dir\", path = \"{folder}\", rights = [\"list\", \"read\"] }}\n");
        }
        if self.driven {
            format!(
                "[package]\nname = \"driver\"\nmodule = \"driver.wasm\"\n{host}[grants]\nout = \"out\"\n\
                 [shared.callee]\nmodule = \"callee.wasm\"\ngrants = {{ {grants} }}\nlimits = {{ {callee} }}\n\
                 on_fault = \"{fault}\"\n\
                 [deps.caller]\nmodule = \"caller.wasm\"\ngrants = {{ {grants} }}\nlimits = {{ {caller} }}\n\
                 on_fault = \"error\"\nshared = [\"callee\"]\n"
            )
        } else {
            format!(
                "[package]\nname = \"caller\"\nmodule = \"caller.wasm\"\n{host}\
                 [grants]\na = \"a\"\nb = \"b\"\nc = \"c\"\nd = \"d\"\nout = \"out\"\n\
                 [deps.callee]\nmodule = \"callee.wasm\"\ngrants = {{ {grants} }}\nlimits = {{ {callee} }}\n\
                 on_fault = \"{fault}\"\n"
            )
        }
    }

    /// Paths of the caller and of the callee.
    pub fn paths(&self) -> [&'static str; 2] {
        if self.driven { ["driver/caller", "driver/callee"] } else { ["caller", "caller/callee"] }
    }
}

/// How many core values types are.
pub fn flat(types: &[Ty]) -> usize {
    types.iter().map(|ty| model::flatten(ty).len()).sum()
}

fn signature(random: &mut Random) -> Signature {
    let mut signature = generate::signature(random);
    // There are few folders to pass, and no value is passed together with one that does not cross.
    if !random.one_in(4) {
        signature.params.iter_mut().chain(&mut signature.result).for_each(without_handles);
    }
    if random.one_in(3) {
        let ok = signature.result.take().map(Box::new);
        let fault = Ty::Variant(vec![random.one_in(2).then_some(Ty::String), Some(Ty::Int(64, false))]);
        let err = [None, Some(Ty::String), Some(Ty::Enum(3)), Some(fault)][random.below(4)].clone();
        signature.result = Some(Ty::Result(ok, err.map(Box::new)));
    }
    signature
}

/// Whether a result can say that the callee is dead.
fn has_room(signature: &Signature) -> bool {
    let Some(Ty::Result(_, err)) = &signature.result else { return false };
    match err.as_deref() {
        None | Some(Ty::String | Ty::Enum(_)) => true,
        Some(Ty::Variant(cases)) => matches!(cases[0], None | Some(Ty::String)),
        _ => false,
    }
}

fn without_handles(ty: &mut Ty) {
    match ty {
        Ty::Own(_) | Ty::Borrow(_) => *ty = Ty::Int(32, false),
        Ty::List(inner) | Ty::Option(inner) => without_handles(inner),
        Ty::Record(fields) | Ty::Tuple(fields) => fields.iter_mut().for_each(without_handles),
        Ty::Variant(cases) => cases.iter_mut().flatten().for_each(without_handles),
        Ty::Result(ok, err) => ok.iter_mut().chain(err).for_each(|ty| without_handles(ty)),
        _ => {}
    }
}

/// Whether a type has handles in it.
pub fn handles(ty: &Ty) -> bool {
    match ty {
        Ty::Own(_) | Ty::Borrow(_) => true,
        Ty::List(inner) | Ty::Option(inner) => handles(inner),
        Ty::Record(fields) | Ty::Tuple(fields) => fields.iter().any(handles),
        Ty::Variant(cases) => cases.iter().flatten().any(handles),
        Ty::Result(ok, err) => ok.iter().chain(err).any(|ty| handles(ty)),
        _ => false,
    }
}

/// A number that may be taken for an address, a length or a case.
fn number(random: &mut Random) -> u32 {
    let any = random.bits() as u32;
    let near = random.below(5) as u32;
    [
        near,
        0xffff_ffff - near,
        65536 - near,
        65536 + near,
        2 * 65536 - near,
        1 << 28,
        (1 << 28) - 1,
        0xd800 + near,
        0x10_fffe + near,
        0x8000_0000,
        any % 4096,
        any % 65536,
        any,
    ][random.below(13)]
}

fn act(random: &mut Random, one_in: usize) -> Act {
    if !random.one_in(one_in) {
        return Act::Nothing;
    }
    // What takes its time is rare.
    match random.below(24) {
        0..6 => Act::Grow,
        6..11 => Act::Trap,
        11..15 => Act::Exit(random.below(3) as i32),
        15..19 => Act::Overflow,
        19..23 => Act::Deep,
        _ => Act::Loop,
    }
}

fn lies(random: &mut Random, hostile: bool) -> Vec<(u32, Lie)> {
    let mut lies = Vec::new();
    if !hostile {
        if random.one_in(4) {
            lies.push((random.below(4) as u32, Lie::Grow));
        }
        return lies;
    }
    if random.one_in(2) {
        return lies;
    }
    for _ in 0..1 + random.below(2) {
        let lie = match random.below(16) {
            0 => Lie::At(number(random)),
            1 | 2 => Lie::At(8 * random.below(1000) as u32),
            3 => Lie::Above(1 + random.below(8) as u32),
            4 => Lie::Above(8 * random.below(9000) as u32),
            5 | 6 => Lie::Last,
            7 => Lie::End,
            8 => Lie::Fresh,
            9 => Lie::Grow,
            10 | 11 => Lie::Scribble,
            12 => Lie::Call,
            _ => Lie::Never(match act(random, 1) {
                Act::Nothing | Act::Grow => Act::Trap,
                act => act,
            }),
        };
        lies.push((random.below(4) as u32, lie));
    }
    lies
}

/// A memory that is being prepared.
struct Image {
    bytes: Vec<u8>,
    top: usize,
    /// Folders that were not passed yet.
    folders: Vec<u32>,
}

impl Image {
    fn new(random: &mut Random) -> Image {
        let mut bytes = vec![0; IMAGE + MOST];
        random.fill(&mut bytes[IMAGE..]);
        Image { bytes, top: IMAGE, folders: vec![5, 4, 3] }
    }

    fn values(&mut self, random: &mut Random, types: &[Ty]) -> Vec<Value> {
        types.iter().map(|ty| self.with_folders(ty, &generate::value(random, ty))).collect()
    }

    /// A value with handles that there are, as far as they go.
    fn with_folders(&mut self, ty: &Ty, value: &Value) -> Value {
        let case = |own: &mut Image, i: usize, ty: Option<&Ty>, value: &Option<Box<Value>>| {
            let payload = ty.zip(value.as_deref()).map(|(ty, value)| Box::new(own.with_folders(ty, value)));
            Value::Case(i, payload)
        };
        match (ty, value) {
            (Ty::Own(_), _) => Value::Handle(self.folders.pop().unwrap_or(3)),
            (Ty::Borrow(_), _) => Value::Handle(6),
            (Ty::List(ty), Value::List(values)) => {
                Value::List(values.iter().map(|value| self.with_folders(ty, value)).collect())
            }
            (Ty::Record(types) | Ty::Tuple(types), Value::Fields(values)) => {
                Value::Fields(types.iter().zip(values).map(|(ty, value)| self.with_folders(ty, value)).collect())
            }
            (Ty::Variant(cases), Value::Case(i, value)) => case(self, *i, cases[*i].as_ref(), value),
            (Ty::Option(some), Value::Case(i, value)) => case(self, *i, [None, Some(&**some)][*i], value),
            (Ty::Result(ok, err), Value::Case(i, value)) => case(self, *i, [ok.as_deref(), err.as_deref()][*i], value),
            _ => value.clone(),
        }
    }

    /// Lowers values behind what is there; none if there is no more room.
    fn lower(&mut self, random: &mut Random, types: &[Ty], values: &[Value], most: usize) -> Option<Vec<u64>> {
        let mut top = self.top as u32;
        let room = self.bytes.len() as u32;
        let mut full = false;
        let mut allocate = |align: u32, size: u32| {
            let at = top.next_multiple_of(align);
            if at + size > room {
                full = true;
                // What is here no more is written over.
                return IMAGE as u32;
            }
            top = at + size;
            at
        };
        if values.iter().map(weight).sum::<usize>() > MOST / 32 {
            return None;
        }
        let mut lowerer = Lowerer { memory: &mut self.bytes, allocate: &mut allocate, noise: random };
        let flat = lowerer.values(types, values, most);
        self.top = top as usize;
        (!full).then_some(flat)
    }

    /// A place for a value.
    fn place(&mut self, random: &mut Random, ty: &Ty) -> Option<u32> {
        let tuple = Ty::Tuple(vec![ty.clone()]);
        let at = self.top.next_multiple_of(model::align(&tuple) as usize) + 8 * random.below(2);
        self.top = at + model::size(&tuple) as usize;
        (self.top <= self.bytes.len()).then_some(at as u32)
    }

    /// Changes values behind the back of who passes them.
    fn spoil(&mut self, random: &mut Random, types: &[Ty], flat: &mut [u64], most: usize) {
        let count = types.iter().map(|ty| model::flatten(ty).len()).sum::<usize>();
        let count = if count > most { 1 } else { count };
        let read = {
            let mut lifter = Lifter::new(&self.bytes, PATIENCE, false);
            let _ = lifter.values(types, flat, most);
            lifter.read
        };
        for _ in 0..1 + random.below(2) {
            let parts: Vec<_> = read.iter().filter(|range| !range.is_empty()).collect();
            if count > 0 && (parts.is_empty() || random.one_in(3)) {
                let i = random.below(count);
                flat[i] = flat[i] >> 32 << 32 | u64::from(number(random));
            } else if !parts.is_empty() {
                let range = parts[random.below(parts.len())].clone();
                let part = &mut self.bytes[range];
                if random.one_in(2) {
                    let at = random.below(part.len());
                    part[at] = random.bits() as u8;
                } else {
                    let bytes = number(random).to_le_bytes();
                    part.iter_mut().zip(bytes).for_each(|(byte, new)| *byte = new);
                }
            }
        }
    }
}

/// About how many values a value is.
fn weight(value: &Value) -> usize {
    match value {
        Value::List(values) | Value::Fields(values) => 1 + values.iter().map(weight).sum::<usize>(),
        Value::Case(_, Some(payload)) => 1 + weight(payload),
        _ => 1,
    }
}
