//! Types as WIT text.

use super::generate::Signature;
use super::model::Ty;
use std::fmt::Write;

/// A package with the interface `api`, which has the function `f`, and the worlds `caller` and `callee`.
pub fn package(signature: &Signature) -> String {
    let mut types = Types::default();
    let params = signature.params.iter().enumerate();
    let params = params.map(|(i, ty)| format!("p{i}: {}", types.name(ty, false))).collect::<Vec<_>>().join(", ");
    let result = signature.result.as_ref().map(|ty| format!(" -> {}", types.name(ty, false))).unwrap_or_default();
    format!(
        "package test:edges;
interface api {{
    use bailiwick:fs/types.{{dir}};
{}    f: func({params}){result};
}}
interface pulse {{ alive: func(n: u32) -> result<u32, string>; }}
interface run {{ go: func() -> result<u32, string>; }}
world caller {{ import api; import pulse; export run; }}
world callee {{ export api; export pulse; }}
world driver {{ import run; import pulse; }}
",
        types.text
    )
}

/// Definitions, each under a name of its own.
#[derive(Default)]
struct Types {
    text: String,
    count: usize,
}

impl Types {
    fn define(&mut self, kind: &str, body: String) -> String {
        let name = format!("t{}", self.count);
        self.count += 1;
        let _ = writeln!(self.text, "    {kind} {name} {{ {body} }}");
        name
    }

    /// How a type is written. `error`: it is the error of a result, so that the case that says that the callee is dead may
    /// be among its cases.
    fn name(&mut self, ty: &Ty, error: bool) -> String {
        let label = |i: usize| if error && i == 0 { "fault".to_owned() } else { format!("l{i}") };
        let labels = |n: usize| (0..n).map(label).collect::<Vec<_>>().join(", ");
        match ty {
            Ty::Bool => "bool".into(),
            Ty::Int(bits, signed) => format!("{}{bits}", if *signed { 's' } else { 'u' }),
            Ty::F32 => "f32".into(),
            Ty::F64 => "f64".into(),
            Ty::Char => "char".into(),
            Ty::String => "string".into(),
            Ty::List(element) => format!("list<{}>", self.name(element, false)),
            Ty::Record(fields) => {
                let fields = fields.iter().enumerate().map(|(i, ty)| format!("m{i}: {}", self.name(ty, false)));
                let fields = fields.collect::<Vec<_>>().join(", ");
                self.define("record", fields)
            }
            Ty::Tuple(fields) => {
                let fields = fields.iter().map(|ty| self.name(ty, false)).collect::<Vec<_>>().join(", ");
                format!("tuple<{fields}>")
            }
            Ty::Flags(n) => self.define("flags", labels(*n)),
            Ty::Enum(n) => self.define("enum", labels(*n)),
            Ty::Variant(cases) => {
                let cases = cases.iter().enumerate().map(|(i, ty)| match ty {
                    Some(ty) => format!("{}({})", label(i), self.name(ty, false)),
                    None => label(i),
                });
                let cases = cases.collect::<Vec<_>>().join(", ");
                self.define("variant", cases)
            }
            Ty::Option(some) => format!("option<{}>", self.name(some, false)),
            Ty::Result(ok, err) => {
                let ok = ok.as_ref().map(|ty| self.name(ty, false));
                match (ok, err.as_ref().map(|ty| self.name(ty, true))) {
                    (None, None) => "result".into(),
                    (Some(ok), None) => format!("result<{ok}>"),
                    (ok, Some(err)) => format!("result<{}, {err}>", ok.unwrap_or_else(|| "_".into())),
                }
            }
            Ty::Own(_) => "dir".into(),
            Ty::Borrow(_) => "borrow<dir>".into(),
        }
    }
}
