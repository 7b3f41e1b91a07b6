//! The types of one function, laid out and numbered: what the emitters walk, instead of the world.

use bailiwick_runtime_abi::edge;
use bailiwick_runtime_abi::wit::{CoreSignature, Direction, Flat, Function, Kind, Layout, Type, World};

/// What an adapter is made for.
pub(super) struct Plan {
    /// Of the import: what the adapter is called as.
    pub import: CoreSignature,
    /// Of the export: what the adapter enters.
    pub export: CoreSignature,
    pub params: Vec<Part>,
    /// Of all parameters as one tuple.
    pub layout: Layout,
    pub result: Option<Shape>,
    /// Whether values lie in memories: both sides have one then.
    pub memories: bool,
    /// Whether a handle is among the parameters' types.
    pub lends: bool,
}

/// A type where it stands.
pub(super) struct Shape {
    /// Its number (`runtime_abi::edge::places`).
    pub place: u32,
    /// How many it has, with those of its parts.
    pub places: u32,
    /// Bytes in a memory.
    pub size: u32,
    /// Alignment in bytes.
    pub align: u32,
    /// What it is passed as.
    pub flat: Flat,
    /// Whether each of its bytes in a memory is part of a value, and any bits are one: then it is copied as it is.
    pub plain: bool,
    pub kind: ShapeKind,
}

pub(super) enum ShapeKind {
    Scalar(Scalar),
    String,
    List(Box<Shape>),
    /// Fields of a record or elements of a tuple.
    Fields(Vec<Part>),
    /// A variant, option or result.
    Cases {
        /// How many cases there are.
        count: u32,
        discriminant_size: u32,
        payload_offset: u32,
        /// Those that carry something, ascending.
        payloads: Vec<(u32, Shape)>,
    },
    Handle,
}

/// A field, an element of a tuple or a parameter.
pub(super) struct Part {
    /// Bytes from the beginning of the whole.
    pub offset: u32,
    pub shape: Shape,
}

/// How the bits of a value of a fixed size are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    /// All but 0 is true, and true is written as 1.
    Bool,
    /// The lowest bytes of a core value, whatever they are.
    Bits { bytes: u32 },
    /// The same with a sign: `s8` and `s16`, which are narrower than their core value.
    Signed { bytes: u32 },
    /// A Unicode scalar value.
    Char,
    /// Of these bits, those in the mask; others have no label.
    Flags { bytes: u32, mask: u32 },
    /// A number below `cases`.
    Enum { bytes: u32, cases: u32 },
}

impl Scalar {
    /// How a built-in type is read, `None` for `string`.
    fn built_in(ty: Type) -> Option<Scalar> {
        Some(match ty {
            Type::Bool => Scalar::Bool,
            Type::U8 => Scalar::Bits { bytes: 1 },
            Type::U16 => Scalar::Bits { bytes: 2 },
            Type::U32 | Type::S32 | Type::F32 => Scalar::Bits { bytes: 4 },
            Type::U64 | Type::S64 | Type::F64 => Scalar::Bits { bytes: 8 },
            Type::S8 => Scalar::Signed { bytes: 1 },
            Type::S16 => Scalar::Signed { bytes: 2 },
            Type::Char => Scalar::Char,
            Type::String | Type::Defined(_) => return None,
        })
    }

    /// Bytes in a memory: 1, 2, 4 or 8.
    pub fn bytes(self) -> u32 {
        match self {
            Scalar::Bool => 1,
            Scalar::Char => 4,
            Scalar::Bits { bytes }
            | Scalar::Signed { bytes }
            | Scalar::Flags { bytes, .. }
            | Scalar::Enum { bytes, .. } => bytes,
        }
    }

    /// Whether all bits mean something, and stay as they are when they are written.
    fn any_bits(self) -> bool {
        match self {
            Scalar::Bits { .. } | Scalar::Signed { .. } => true,
            Scalar::Flags { bytes, mask } => mask.count_ones() == 8 * bytes,
            Scalar::Bool | Scalar::Char | Scalar::Enum { .. } => false,
        }
    }
}

impl Plan {
    /// Of a function of the world; `None` if it has too many places.
    pub fn new(world: &World, function: &Function) -> Option<Plan> {
        edge::places(world, function)?;
        // Place 0 is the call.
        let mut numbering = Numbering { world, next: 1 };
        let params = numbering.parts(function.params.iter().map(|&(_, ty)| ty));
        let result = function.result.map(|ty| numbering.shape(ty));
        let layout = world.params_layout(function);
        Some(Plan {
            import: world.signature(function, Direction::Lower),
            export: world.signature(function, Direction::Lift),
            params,
            layout,
            result,
            memories: world.needs(function, Direction::Lower).memory || world.needs(function, Direction::Lift).memory,
            lends: layout.has_handles,
        })
    }

    fn shapes(&self) -> impl Iterator<Item = &Shape> {
        self.params.iter().map(|param| &param.shape).chain(&self.result)
    }

    /// How much code it is, roughly in units of a scalar.
    pub fn weight(&self) -> u32 {
        // Of at most 1000 places.
        self.shapes().map(Shape::weight).sum()
    }

    /// Whether elements of lists are looked at one by one.
    pub fn counts_elements(&self) -> bool {
        self.shapes().any(Shape::counts_elements)
    }
}

/// Code for a string or list, besides its elements': checks of two ranges, an allocation, a copy or a loop.
const CONTENT_WEIGHT: u32 = 10;
/// Code for a handle: a call.
const HANDLE_WEIGHT: u32 = 3;

impl Shape {
    fn weight(&self) -> u32 {
        match &self.kind {
            ShapeKind::Scalar(_) => 1,
            ShapeKind::Handle => HANDLE_WEIGHT,
            ShapeKind::String => CONTENT_WEIGHT,
            ShapeKind::List(element) => CONTENT_WEIGHT + element.weight(),
            ShapeKind::Fields(fields) => fields.iter().map(|field| field.shape.weight()).sum::<u32>() + 1,
            ShapeKind::Cases { payloads, .. } => payloads.iter().map(|(_, payload)| payload.weight()).sum::<u32>() + 1,
        }
    }

    fn counts_elements(&self) -> bool {
        match &self.kind {
            ShapeKind::Scalar(_) | ShapeKind::String | ShapeKind::Handle => false,
            ShapeKind::List(element) => !element.plain,
            ShapeKind::Fields(fields) => fields.iter().any(|field| field.shape.counts_elements()),
            ShapeKind::Cases { payloads, .. } => payloads.iter().any(|(_, payload)| payload.counts_elements()),
        }
    }
}

/// Walks types in the order in which places are counted.
struct Numbering<'a> {
    world: &'a World,
    next: u32,
}

impl Numbering<'_> {
    fn parts(&mut self, types: impl Iterator<Item = Type>) -> Vec<Part> {
        let world = self.world;
        world.types().offsets(types).map(|(ty, offset)| Part { offset, shape: self.shape(ty) }).collect()
    }

    fn shape(&mut self, ty: Type) -> Shape {
        let place = self.next;
        self.next += 1;
        let kind = match Scalar::built_in(ty) {
            Some(scalar) => ShapeKind::Scalar(scalar),
            None => self.kind(ty),
        };
        let Layout { size, align, flat, .. } = self.world.types().layout(ty);
        let plain = match &kind {
            ShapeKind::Scalar(scalar) => scalar.any_bits(),
            // Plain parts that leave no byte between or behind them.
            ShapeKind::Fields(fields) => {
                let sizes = fields.iter().map(|field| u64::from(field.shape.size)).sum::<u64>();
                sizes == u64::from(size) && fields.iter().all(|field| field.shape.plain)
            }
            ShapeKind::String | ShapeKind::List(_) | ShapeKind::Cases { .. } | ShapeKind::Handle => false,
        };
        Shape { place, places: self.next - place, size, align, flat, plain, kind }
    }

    /// What a type is that is no built-in scalar.
    fn kind(&mut self, ty: Type) -> ShapeKind {
        let types = self.world.types();
        match types.kind(ty) {
            None => ShapeKind::String,
            Some(Kind::List(element)) => ShapeKind::List(Box::new(self.shape(*element))),
            Some(Kind::Record(fields)) => ShapeKind::Fields(self.parts(fields.iter().map(|field| field.ty))),
            Some(Kind::Tuple(parts)) => ShapeKind::Fields(self.parts(parts.iter().copied())),
            Some(Kind::Flags(labels)) => {
                // 1 to 32 labels.
                let mask = u32::MAX.checked_shr(32 - labels.len() as u32).unwrap_or(0);
                ShapeKind::Scalar(Scalar::Flags { bytes: types.layout(ty).size, mask })
            }
            Some(Kind::Enum(cases)) => {
                ShapeKind::Scalar(Scalar::Enum { bytes: types.layout(ty).size, cases: cases.len() as u32 })
            }
            Some(Kind::Variant(cases)) => self.cases(ty, cases.iter().map(|case| case.ty)),
            Some(Kind::Option(some)) => self.cases(ty, [None, Some(*some)]),
            Some(Kind::Result { ok, err }) => self.cases(ty, [*ok, *err]),
            Some(Kind::Own(_) | Kind::Borrow(_)) => ShapeKind::Handle,
        }
    }

    fn cases(&mut self, ty: Type, types: impl IntoIterator<Item = Option<Type>>) -> ShapeKind {
        let layout = self.world.types().variant(ty).expect("it is a variant, option or result");
        let cases = types.into_iter().enumerate();
        let payloads = cases.filter_map(|(i, ty)| Some((i as u32, self.shape(ty?)))).collect();
        let (discriminant_size, payload_offset) = (layout.discriminant_size, layout.payload_offset);
        ShapeKind::Cases { count: layout.cases, discriminant_size, payload_offset, payloads }
    }
}
