use super::abi::{discriminant_size, join};
use super::*;
use crate::types::ValType::{self, F32, F64, I32, I64};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// A small generator (xorshift64*): the same worlds in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn names(&mut self, most: usize) -> Vec<String> {
        (0..1 + self.below(most)).map(|i| format!("{}{i}", ["a", "name", "%list", "[m]x.y"][self.below(4)])).collect()
    }

    fn ty(&mut self, types: &Types) -> Type {
        match types.entries().len() {
            n if n > 0 && self.below(2) == 0 => types.at(self.below(n)).unwrap(),
            _ => Type::BUILT_IN[self.below(13)],
        }
    }

    fn optional(&mut self, types: &Types) -> Option<Type> {
        (self.below(3) > 0).then(|| self.ty(types))
    }

    fn kind(&mut self, types: &Types) -> Kind {
        match self.below(10) {
            0 => Kind::List(self.ty(types)),
            1 => {
                let names = self.names(5);
                Kind::Record(names.into_iter().map(|name| Field { name, ty: self.ty(types) }).collect())
            }
            2 => Kind::Tuple((0..1 + self.below(5)).map(|_| self.ty(types)).collect()),
            3 => Kind::Flags(self.names(32)),
            4 => Kind::Enum(self.names(300)),
            5 => {
                let names = self.names(6);
                Kind::Variant(names.into_iter().map(|name| Case { name, ty: self.optional(types) }).collect())
            }
            6 => Kind::Option(self.ty(types)),
            7 => Kind::Result { ok: self.optional(types), err: self.optional(types) },
            8 => Kind::Own(types.resource_at(self.below(types.resources().len())).unwrap()),
            _ => Kind::Borrow(types.resource_at(self.below(types.resources().len())).unwrap()),
        }
    }

    fn function(&mut self, types: &Types, i: usize) -> Function {
        let interface = (self.below(3) > 0).then(|| format!("a:b/c{}@1.2.3", self.below(3)));
        let params = self.names(12).into_iter().map(|name| (name, self.ty(types))).collect();
        let result = self.optional(types).filter(|&ty| !types.layout(ty).has_borrow);
        Function { interface, name: format!("f{i}"), params, result }
    }

    fn world(&mut self) -> World {
        let mut types = Types::new();
        for i in 0..1 + self.below(4) {
            let resource =
                Resource { interface: "a:b/c".into(), name: format!("r{i}"), defined_here: self.below(2) == 0 };
            types.add_resource(resource).unwrap();
        }
        for i in 0..self.below(40) {
            let name = (self.below(2) == 0).then(|| format!("t{i}"));
            let kind = self.kind(&types);
            // Too deep or too large is as good a type as any.
            let _ = types.add(name, kind);
        }
        let mut world = World::new("a:b/w", types.clone()).unwrap();
        for i in 0..self.below(10) {
            let _ = world.add_import(self.function(&types, i));
            let _ = world.add_export(self.function(&types, i));
        }
        world
    }
}

/// The layout of one type: size, alignment and flattening.
fn layout(types: &Types, ty: Type) -> (u32, u32, Option<Vec<ValType>>) {
    let layout = types.layout(ty);
    (layout.size, layout.align, layout.flat.types().map(<[ValType]>::to_vec))
}

fn record(fields: &[Type]) -> Kind {
    Kind::Record(fields.iter().enumerate().map(|(i, &ty)| Field { name: format!("f{i}"), ty }).collect())
}

fn variant(cases: &[Option<Type>]) -> Kind {
    Kind::Variant(cases.iter().enumerate().map(|(i, &ty)| Case { name: format!("c{i}"), ty }).collect())
}

fn labels(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("l{i}")).collect()
}

fn world_of(types: Types, functions: &[(&[Type], Option<Type>)]) -> World {
    let mut world = World::new("t:t/t", types).unwrap();
    for (i, (params, result)) in functions.iter().enumerate() {
        let params = params.iter().enumerate().map(|(i, &ty)| (format!("p{i}"), ty)).collect();
        world.add_export(Function { interface: None, name: format!("f{i}"), params, result: *result }).unwrap();
    }
    world
}

#[test]
fn sizes_alignments_and_core_values_are_those_of_the_canonical_abi() {
    let mut types = Types::new();
    let resource = Resource { interface: "a:b/c".into(), name: "r".into(), defined_here: false };
    let resource = types.add_resource(resource).unwrap();
    for (ty, size, flat) in [
        (Type::Bool, 1, I32),
        (Type::U8, 1, I32),
        (Type::S16, 2, I32),
        (Type::U32, 4, I32),
        (Type::Char, 4, I32),
        (Type::S64, 8, I64),
        (Type::F32, 4, F32),
        (Type::F64, 8, F64),
    ] {
        assert_eq!(layout(&types, ty), (size, size, Some(vec![flat])), "{ty:?}");
    }
    assert_eq!(layout(&types, Type::String), (8, 4, Some(vec![I32, I32])));
    let mut check = |kind: Kind, size: u32, align: u32, flat: &[ValType]| {
        let what = format!("{kind:?}");
        let ty = types.add(None, kind).unwrap();
        assert_eq!(layout(&types, ty), (size, align, Some(flat.to_vec())), "{what}");
        ty
    };
    check(Kind::List(Type::U64), 8, 4, &[I32, I32]);
    check(Kind::Own(resource), 4, 4, &[I32]);
    check(Kind::Borrow(resource), 4, 4, &[I32]);
    check(record(&[Type::U8, Type::U32, Type::U8]), 12, 4, &[I32, I32, I32]);
    check(record(&[Type::U8, Type::U16, Type::F64]), 16, 8, &[I32, I32, F64]);
    check(Kind::Tuple(vec![Type::U8; 3]), 3, 1, &[I32, I32, I32]);
    check(Kind::Flags(labels(1)), 1, 1, &[I32]);
    check(Kind::Flags(labels(8)), 1, 1, &[I32]);
    check(Kind::Flags(labels(9)), 2, 2, &[I32]);
    check(Kind::Flags(labels(17)), 4, 4, &[I32]);
    check(Kind::Flags(labels(32)), 4, 4, &[I32]);
    check(Kind::Enum(labels(256)), 1, 1, &[I32]);
    check(Kind::Enum(labels(257)), 2, 2, &[I32]);
    check(Kind::Enum(labels(65_537)), 4, 4, &[I32]);
    let option = check(Kind::Option(Type::U8), 2, 1, &[I32, I32]);
    check(Kind::Option(option), 3, 1, &[I32, I32, I32]);
    check(Kind::Option(Type::F64), 16, 8, &[I32, F64]);
    check(Kind::Result { ok: None, err: None }, 1, 1, &[I32]);
    check(Kind::Result { ok: Some(Type::F32), err: Some(Type::U32) }, 8, 4, &[I32, I32]);
    check(Kind::Result { ok: Some(Type::F32), err: Some(Type::F64) }, 16, 8, &[I32, I64]);
    check(Kind::Result { ok: Some(Type::String), err: None }, 12, 4, &[I32, I32, I32]);
    check(variant(&[Some(Type::U64), Some(Type::String), None]), 16, 8, &[I32, I64, I32]);
}

#[test]
fn a_core_type_for_either_of_two_holds_both() {
    for (a, b, joined) in
        [(I32, F32, I32), (F32, I32, I32), (F32, F32, F32), (I32, I64, I64), (F32, F64, I64), (F64, F64, F64)]
    {
        assert_eq!(join(a, b), joined);
    }
    assert_eq!([1, 256, 257, 65_536, 65_537].map(discriminant_size), [1, 1, 2, 2, 4]);
}

#[test]
fn parts_lie_where_their_alignment_puts_them() {
    let mut types = Types::new();
    let parts = [Type::U8, Type::U32, Type::U16, Type::F64, Type::String, Type::Bool];
    let offsets: Vec<u32> = types.offsets(parts).map(|(_, offset)| offset).collect();
    assert_eq!(offsets, [0, 4, 8, 16, 24, 32]);
    let ty = types.add(None, variant(&[None, Some(Type::F64)])).unwrap();
    assert_eq!(types.variant(ty), Some(VariantLayout { cases: 2, discriminant_size: 1, payload_offset: 8 }));
    assert_eq!((types.case(ty, 0), types.case(ty, 1), types.case(ty, 2)), (Some(None), Some(Some(Type::F64)), None));
    let ty = types.add(None, Kind::Enum(labels(300))).unwrap();
    assert_eq!(types.variant(ty), Some(VariantLayout { cases: 300, discriminant_size: 2, payload_offset: 2 }));
    assert_eq!((types.case(ty, 299), types.case(ty, 300)), (Some(None), None));
    let ty = types.add(None, Kind::Result { ok: None, err: Some(Type::U32) }).unwrap();
    assert_eq!(types.variant(ty).unwrap().payload_offset, 4);
    assert_eq!((types.case(ty, 0), types.case(ty, 1), types.case(ty, 2)), (Some(None), Some(Some(Type::U32)), None));
    assert_eq!((types.variant(Type::U8), types.case(Type::U8, 0)), (None, None));
}

#[test]
fn many_parameters_and_large_results_go_by_pointer() {
    let mut types = Types::new();
    let pair = types.add(None, Kind::Tuple(vec![Type::U32, Type::F64])).unwrap();
    let world = world_of(
        types,
        &[
            (&[Type::String; 8], Some(Type::U64)),
            (&[Type::U32; 17], Some(pair)),
            (&[], None),
            (&[], Some(Type::String)),
        ],
    );
    let signature = |i: usize, direction| {
        let it = world.signature(&world.exports()[i], direction);
        (it.params, it.results, it.params_by_pointer, it.result_by_pointer)
    };
    use Direction::{Lift, Lower};
    assert_eq!(signature(0, Lift), (vec![I32; 16], vec![I64], false, false));
    assert_eq!(signature(0, Lower), (vec![I32; 16], vec![I64], false, false));
    assert_eq!(signature(1, Lift), (vec![I32], vec![I32], true, true));
    assert_eq!(signature(1, Lower), (vec![I32; 2], vec![], true, true));
    assert_eq!(signature(2, Lower), (vec![], vec![], false, false));
    assert_eq!(signature(3, Lift), (vec![], vec![I32], false, true));
    assert_eq!(signature(3, Lower), (vec![I32], vec![], false, true));
    let params = world.params_layout(&world.exports()[1]);
    assert_eq!((params.size, params.align), (68, 4));

    let needs = |i: usize, direction| {
        let Needs { memory, realloc } = world.needs(&world.exports()[i], direction);
        (memory, realloc)
    };
    // Who receives strings allocates; who gets parameters by pointer, too.
    assert_eq!((needs(0, Lift), needs(0, Lower)), ((true, true), (true, false)));
    assert_eq!((needs(1, Lift), needs(1, Lower)), ((true, true), (true, false)));
    assert_eq!((needs(2, Lift), needs(2, Lower)), ((false, false), (false, false)));
    assert_eq!((needs(3, Lift), needs(3, Lower)), ((true, false), (true, true)));
}

#[test]
fn core_names_are_those_of_wit_bindgen() {
    let function = |interface: Option<&str>, name: &str| Function {
        interface: interface.map(String::from),
        name: name.into(),
        params: vec![],
        result: None,
    };
    let of_interface = function(Some("a:b/c@1.0.0"), "[method]r.f");
    assert_eq!((of_interface.import_module(), of_interface.import_field()), ("a:b/c@1.0.0", "[method]r.f"));
    assert_eq!(of_interface.export_name(), "a:b/c@1.0.0#[method]r.f");
    assert_eq!(of_interface.post_return_name(), "cabi_post_a:b/c@1.0.0#[method]r.f");
    let of_world = function(None, "f");
    assert_eq!((of_world.import_module(), of_world.export_name().as_str()), ("$root", "f"));
    assert_eq!(of_world.post_return_name(), "cabi_post_f");
}

#[test]
fn each_wrong_type_is_refused_by_its_own_error() {
    let mut other = Types::new();
    let elsewhere = other.add(None, Kind::List(Type::U8)).unwrap();
    let resource = Resource { interface: "a:b/c".into(), name: "r".into(), defined_here: false };
    let resource = other.add_resource(resource).unwrap();
    let mut types = Types::new();
    let mut refused = |kind: Kind, words: &str| {
        let error = types.add(None, kind).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(Kind::List(elsewhere), "refers to one that is not there yet");
    refused(Kind::Own(resource), "a resource that is not there");
    refused(Kind::Record(vec![]), "at least one field");
    refused(Kind::Tuple(vec![]), "at least one element");
    refused(Kind::Flags(vec![]), "at least one label");
    refused(Kind::Enum(vec![]), "at least one case");
    refused(Kind::Variant(vec![]), "at least one case");
    refused(Kind::Flags(labels(33)), "the limit is 32");
    refused(Kind::Enum(vec!["a".into(), "a".into()]), "case a is there twice");
    refused(Kind::Enum(vec!["".into()]), "is no name");
    refused(Kind::Enum(vec!["\x1b[2J".into()]), "is no name");
    refused(Kind::Enum(vec!["a b".into()]), "is no name");
    refused(Kind::Enum(vec!["n".repeat(1025)]), "is no name");

    let mut deep = Type::U8;
    for _ in 0..64 {
        deep = types.add(None, Kind::List(deep)).unwrap();
    }
    let error = types.add(None, Kind::Option(deep)).unwrap_err();
    assert_eq!(error.to_string(), "a type has more types within one another than that, and the limit is 64");
    // Each holds the one before it twice.
    let mut large = Type::U64;
    let error = (0..64).find_map(|_| match types.add(None, Kind::Tuple(vec![large, large])) {
        Ok(ty) => {
            large = ty;
            None
        }
        Err(error) => Some(error),
    });
    assert_eq!(types.layout(large).size, MAX_VALUE_SIZE);
    assert!(error.unwrap().to_string().contains("more bytes than that"));
}

#[test]
fn each_wrong_function_is_refused_by_its_own_error() {
    let mut types = Types::new();
    let resource = Resource { interface: "a:b/c".into(), name: "r".into(), defined_here: false };
    let resource = types.add_resource(resource).unwrap();
    let borrow = types.add(None, Kind::Borrow(resource)).unwrap();
    let borrows = types.add(None, Kind::List(borrow)).unwrap();
    let mut large = Type::U64;
    for _ in 0..25 {
        large = types.add(None, Kind::Tuple(vec![large; 2])).unwrap();
    }
    let mut elsewhere = types.clone();
    let elsewhere = elsewhere.add(None, Kind::List(Type::U8)).unwrap();
    let mut world = World::new("a:b/w", types).unwrap();
    let function = |name: &str, params: Vec<(String, Type)>, result: Option<Type>| Function {
        interface: None,
        name: name.into(),
        params,
        result,
    };
    let mut refused = |function: Function, words: &str| {
        for error in [world.add_import(function.clone()), world.add_export(function)] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    };
    refused(function("", vec![], None), "is no name");
    refused(function("f", vec![("a".into(), Type::U8), ("a".into(), Type::U8)], None), "parameter a is there twice");
    refused(function("f", vec![("a".into(), elsewhere)], None), "refers to a type that is not there");
    refused(function("f", vec![], Some(elsewhere)), "refers to a type that is not there");
    refused(function("f", vec![], Some(borrows)), "holds a borrowed handle");
    refused(function("f", vec![("a".into(), large), ("b".into(), large)], None), "more bytes than that");
    refused(function("f", (0..1001).map(|i| (format!("p{i}"), Type::U8)).collect(), None), "the limit is 1000");
    world.add_import(function("f", vec![], None)).unwrap();
    world.add_export(function("f", vec![], None)).unwrap();
    assert!(world.add_import(function("f", vec![], None)).unwrap_err().to_string().contains("import f is there twice"));
    assert!(world.add_export(function("f", vec![], None)).unwrap_err().to_string().contains("export f is there twice"));
}

#[test]
fn a_world_survives_encoding() {
    let mut random = Random(1);
    for _ in 0..1000 {
        let world = random.world();
        let bytes = world.encode().unwrap();
        let decoded = World::decode(&bytes).unwrap();
        assert_eq!(decoded, world);
        let comparison = Comparison::new(&world, &decoded);
        for ty in (0..world.types().entries().len()).filter_map(|i| world.types().at(i)) {
            assert_eq!(comparison.same_type(ty, ty), Ok(()));
        }
    }
}

#[test]
fn no_bytes_make_the_decoder_panic_and_what_it_takes_is_what_is_written() {
    let mut random = Random(2);
    let mut taken = 0;
    for _ in 0..2000 {
        let mut bytes = random.world().encode().unwrap();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, random.below(256) as u8),
            }
        }
        if let Ok(world) = World::decode(&bytes) {
            taken += 1;
            assert_eq!(world.encode().unwrap(), bytes);
            for function in world.imports().iter().chain(world.exports()) {
                world.signature(function, Direction::Lift);
                world.print_function(function).to_string();
            }
        }
    }
    assert!(taken > 20, "only {taken} damaged worlds were still worlds");
}

#[test]
fn every_prefix_of_a_world_is_refused() {
    let mut random = Random(3);
    for _ in 0..20 {
        let bytes = random.world().encode().unwrap();
        for len in 0..bytes.len() {
            assert!(World::decode(&bytes[..len]).is_err());
        }
    }
}

#[test]
fn each_damage_to_the_encoding_is_refused_by_its_own_error() {
    let refused = |bytes: &[u8], words: &str| {
        let error = World::decode(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let empty = World::new("w", Types::new()).unwrap().encode().unwrap();
    assert_eq!(empty, [1, b'w', 0, 0, 0, 0]);
    refused(&[1, b'w', 0, 0, 0, 0, 0], "bytes behind the end");
    refused(&[0x81, 0, b'w', 0, 0, 0, 0], "longer than it need be");
    refused(&[1, 0xff, 0, 0, 0, 0], "not UTF-8");
    refused(&[1, b' ', 0, 0, 0, 0], "is no name");
    refused(&[0, 0, 0, 0, 0], "is no name");
    refused(&[1, b'w', 0xff, 0xff, 0xff, 0xff, 0x1f], "more than 32 bits");
    refused(&[1, b'w', 0xff, 0xff, 0xff, 0xff, 0x8f, 0], "more than 32 bits");
    refused(&[1, b'w', 0xff, 0xff, 0xff, 0xff, 0x0f], "end too early");
    refused(&[1, b'w', 1, 1, b'i', 1, b'r', 2, 0, 0, 0], "neither 1 nor 0");
    refused(&[1, b'w', 2, 1, b'i', 1, b'r', 0, 1, b'i', 1, b'r', 0, 0, 0, 0], "resource r is there twice");
    refused(&[1, b'w', 0, 1, 0, 10, 0, 0], "no such kind");
    refused(&[1, b'w', 0, 1, 0, 0, 13, 0, 0], "refers to one that is not there yet");
    refused(&[1, b'w', 0, 1, 0, 8, 0, 0, 0], "a resource that is not there");
    refused(&vec![0; MAX_WORLD_SIZE + 1], "the limit is 1048576");
}

#[test]
fn shared_parts_cost_no_more_than_they_are_long() {
    // 64 levels, each of 40 cases of the level below: values of 40^63 shapes.
    let build = |leaf: Type| {
        let mut types = Types::new();
        let mut ty = leaf;
        for _ in 0..60 {
            ty = types.add(None, variant(&[Some(ty); 40])).unwrap();
        }
        world_of(types, &[(&[ty], Some(ty))])
    };
    let (one, other, third) = (build(Type::U8), build(Type::U8), build(Type::S8));
    let (f, g, h) = (&one.exports()[0], &other.exports()[0], &third.exports()[0]);
    assert!(one.signature(f, Direction::Lift).params_by_pointer);
    assert_eq!(same_function(&one, f, &other, g), Ok(()));
    let mismatch = same_function(&one, f, &third, h).unwrap_err();
    assert!(mismatch.place.starts_with("parameter p0.c0.c0") && mismatch.left == "u8", "{mismatch}");
    let text = one.print_function(f).to_string();
    assert!(text.len() < 10_000 && text.contains('…'), "{}", text.len());
    assert!(one.print_definition(f.result.unwrap()).to_string().contains('…'));
}

/// Parameters and result of a function, made of the parameters of another.
type Change<'a> = &'a dyn Fn(&mut Types, Vec<(String, Type)>) -> (Vec<(String, Type)>, Option<Type>);

#[test]
fn the_first_difference_is_named_with_its_place() {
    let world = |change: Change<'_>| {
        let mut types = Types::new();
        // Different positions of the same types in different worlds.
        let resource =
            |interface: &str| Resource { interface: interface.into(), name: "dir".into(), defined_here: false };
        let dir = types.add_resource(resource("bailiwick:fs/types")).unwrap();
        types.add_resource(resource("other:fs/types")).unwrap();
        let bytes = types.add(None, Kind::List(Type::U8)).unwrap();
        let dir = types.add(None, Kind::Borrow(dir)).unwrap();
        let params = vec![("zip".to_string(), bytes), ("into".to_string(), dir)];
        let (params, result) = change(&mut types, params);
        let mut world = World::new("a:b/w", types).unwrap();
        world.add_export(Function { interface: None, name: "unzip".into(), params, result }).unwrap();
        world
    };
    let here = world(&|types, params| {
        let fields = vec![Field { name: "files".into(), ty: Type::U32 }, Field { name: "size".into(), ty: Type::U64 }];
        let summary = types.add(Some("summary".into()), Kind::Record(fields)).unwrap();
        let summaries = types.add(None, Kind::List(summary)).unwrap();
        (params, Some(types.add(None, Kind::Result { ok: Some(summaries), err: Some(Type::String) }).unwrap()))
    });
    let differs = |change: Change<'_>| {
        let there = world(change);
        same_function(&here, &here.exports()[0], &there, &there.exports()[0]).map_err(|mismatch| mismatch.to_string())
    };
    let result = |types: &mut Types, name: &str, size: &str, ty: Type, err: Option<Type>| {
        let fields = vec![Field { name: "files".into(), ty: Type::U32 }, Field { name: size.into(), ty }];
        let summary = types.add(Some(name.into()), Kind::Record(fields)).unwrap();
        let summaries = types.add(None, Kind::List(summary)).unwrap();
        types.add(None, Kind::Result { ok: Some(summaries), err }).ok()
    };
    // The type's own name has no meaning.
    assert_eq!(
        differs(&|types, params| (params, result(types, "report", "size", Type::U64, Some(Type::String)))),
        Ok(())
    );
    let error = |change: Change<'_>, text: &str| {
        assert_eq!(differs(change), Err(text.to_string()));
    };
    error(
        &|_, mut params| {
            params[0].1 = Type::String;
            (params, None)
        },
        "parameter zip: list<u8> here, string there",
    );
    error(
        &|_, mut params| {
            params[1].0 = "out".into();
            (params, None)
        },
        "the name of parameter 2: into here, out there",
    );
    error(&|_, params| (params[..1].to_vec(), None), "the number of parameters: 2 here, 1 there");
    error(
        &|types, params| (params, result(types, "summary", "size", Type::U32, Some(Type::String))),
        "the result.ok[].size: u64 here, u32 there",
    );
    error(
        &|types, params| (params, result(types, "summary", "bytes", Type::U64, Some(Type::String))),
        "the result.ok[]: record summary { files: u32, size: u64 } here, record summary { files: u32, bytes: u64 } there",
    );
    error(
        &|types, params| (params, result(types, "summary", "size", Type::U64, None)),
        "the result.err: string here, none there",
    );
    error(
        &|types, mut params| {
            let other = types.resource_at(1).unwrap();
            params[1].1 = types.add(None, Kind::Borrow(other)).unwrap();
            (params, None)
        },
        "parameter into: borrow<bailiwick:fs/types.dir> here, borrow<other:fs/types.dir> there",
    );
}

#[test]
fn types_are_printed_as_wit() {
    let mut types = Types::new();
    let resource = Resource { interface: "bailiwick:fs/types".into(), name: "dir".into(), defined_here: false };
    let resource = types.add_resource(resource).unwrap();
    let own = types.add(None, Kind::Own(resource)).unwrap();
    let fields = vec![Field { name: "name".into(), ty: Type::String }, Field { name: "size".into(), ty: Type::U64 }];
    let entry = types.add(Some("entry".into()), Kind::Record(fields)).unwrap();
    let alias = types.add(Some("entries".into()), Kind::List(entry)).unwrap();
    let pair = types.add(None, Kind::Tuple(vec![entry, Type::Char])).unwrap();
    let none = types.add(None, Kind::Result { ok: None, err: None }).unwrap();
    let error = types.add(None, Kind::Result { ok: None, err: Some(Type::F32) }).unwrap();
    let shape = vec![Case { name: "dot".into(), ty: None }, Case { name: "line".into(), ty: Some(pair) }];
    let shape = types.add(Some("shape".into()), Kind::Variant(shape)).unwrap();
    let flags = types.add(None, Kind::Flags(vec!["read".into(), "write".into()])).unwrap();
    let world = World::new("a:b/w", types).unwrap();
    let uses = [own, entry, alias, pair, none, error, shape, flags].map(|ty| world.print_type(ty).to_string());
    let texts = [
        "own<dir>",
        "entry",
        "entries",
        "tuple<entry, char>",
        "result",
        "result<_, f32>",
        "shape",
        "flags { read, write }",
    ];
    assert_eq!(uses, texts);
    assert_eq!(world.print_definition(entry).to_string(), "record entry { name: string, size: u64 }");
    assert_eq!(world.print_definition(alias).to_string(), "type entries = list<entry>");
    assert_eq!(world.print_definition(shape).to_string(), "variant shape { dot, line(tuple<entry, char>) }");
    assert_eq!(world.print_definition(own).with_interfaces().to_string(), "own<bailiwick:fs/types.dir>");
}
