//! The types of two worlds, matched once, so that a call looks up no names and compares no types.

use super::Ownership;
use super::scalar::Scalar;
use bailiwick_runtime_abi::wit::{
    Comparison, CoreSignature, Direction, Function, Kind, Layout, Mismatch, Needs, ResourceId, Type, World,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Most types, fields and cases that are prepared for one pair of worlds. A type that several functions use counts
/// once.
pub const MAX_PARTS: usize = 1 << 20;

/// Why a function of one world can't be called as one of another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Their types differ.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The worlds pair up too many types.
    #[error("the functions of {caller} and {callee} pair up more than {MAX_PARTS} types, fields and cases")]
    Parts {
        /// The caller's world.
        caller: String,
        /// The callee's world.
        callee: String,
    },
}

/// What a type is, in both worlds, with all that a step needs to know of it.
#[derive(Debug)]
pub(super) struct Shape {
    /// The type in the caller's world, for names.
    pub ty: Type,
    /// Bytes in a memory.
    pub size: u32,
    /// Alignment in bytes.
    pub align: u32,
    /// How many core values it is passed as; 0 if they are too many to be passed.
    pub flat: usize,
    /// Whether each of its bytes in a memory is part of a value, and any bits are one: then it is copied as it is.
    pub plain: bool,
    /// How many types it is made of, itself included, each counted wherever it stands.
    pub places: u32,
    /// What it is.
    pub kind: ShapeKind,
}

#[derive(Debug)]
pub(super) enum ShapeKind {
    Scalar(Scalar),
    String,
    List(Arc<Shape>),
    /// Fields of a record or elements of a tuple.
    Fields(Box<[Part]>),
    /// What the cases of a variant, option or result carry.
    Cases {
        discriminant_size: u32,
        payload_offset: u32,
        cases: Box<[Option<Arc<Shape>>]>,
    },
    Handle {
        ownership: Ownership,
        caller: ResourceId,
        callee: ResourceId,
    },
}

/// A field, an element of a tuple or a parameter.
#[derive(Debug)]
pub(super) struct Part {
    /// Bytes from the beginning of the whole.
    pub offset: u32,
    pub shape: Arc<Shape>,
}

/// A function of a caller's world that is one of a callee's: what a call needs to know. Functions of one [`Pairing`]
/// share their types.
#[derive(Debug)]
pub struct Prepared {
    /// The caller's world, for the names in faults.
    pub(super) world: Arc<World>,
    pub(super) names: Box<[String]>,
    pub(super) params: Box<[Part]>,
    /// Of all parameters as one tuple.
    pub(super) layout: Layout,
    pub(super) result: Option<Arc<Shape>>,
    caller: CoreSignature,
    callee: CoreSignature,
    caller_needs: Needs,
    callee_needs: Needs,
}

impl Prepared {
    /// Matches one function. For several of the same two worlds, make one [`Pairing`].
    ///
    /// # Errors
    /// [`PrepareError`].
    ///
    /// # Panics
    /// If a function is not of its world.
    pub fn new(
        caller: &Arc<World>,
        import: &Function,
        callee: &World,
        export: &Function,
    ) -> Result<Prepared, PrepareError> {
        Pairing::new(caller, callee).prepare(import, export)
    }

    /// The core type of the import, whose values [`super::Call::run`] takes.
    pub fn caller_signature(&self) -> &CoreSignature {
        &self.caller
    }

    /// The core type of the export, which [`super::Callee::call`] calls.
    pub fn callee_signature(&self) -> &CoreSignature {
        &self.callee
    }

    /// What the caller must export for the call: to be checked when it is linked.
    pub fn caller_needs(&self) -> Needs {
        self.caller_needs
    }

    /// What the callee must export for the call: to be checked when it is linked.
    pub fn callee_needs(&self) -> Needs {
        self.callee_needs
    }
}

/// Two worlds, functions of which are to be called from one to the other.
#[derive(Debug)]
pub struct Pairing<'a> {
    caller: &'a Arc<World>,
    callee: &'a World,
    comparison: Comparison<'a>,
    shapes: HashMap<(Type, Type), Arc<Shape>>,
    parts: usize,
}

impl<'a> Pairing<'a> {
    /// Of the world of who calls, and of who is called.
    pub fn new(caller: &'a Arc<World>, callee: &'a World) -> Pairing<'a> {
        Pairing { caller, callee, comparison: Comparison::new(caller, callee), shapes: HashMap::new(), parts: 0 }
    }

    /// Matches `import`, a function of the caller's world, with `export`, one of the callee's.
    ///
    /// # Errors
    /// [`PrepareError`].
    ///
    /// # Panics
    /// If a function is not of its world.
    pub fn prepare(&mut self, import: &Function, export: &Function) -> Result<Prepared, PrepareError> {
        self.comparison.same_function(import, export)?;
        let types = import.params.iter().map(|&(_, ty)| ty).zip(export.params.iter().map(|&(_, ty)| ty));
        let params = self.parts(types)?;
        let result = match (import.result, export.result) {
            (Some(import), Some(export)) => Some(self.shape(import, export)?),
            _ => None,
        };
        Ok(Prepared {
            world: Arc::clone(self.caller),
            names: import.params.iter().map(|(name, _)| name.clone()).collect(),
            params,
            layout: self.caller.params_layout(import),
            result,
            caller: self.caller.signature(import, Direction::Lower),
            callee: self.callee.signature(export, Direction::Lift),
            caller_needs: self.caller.needs(import, Direction::Lower),
            callee_needs: self.callee.needs(export, Direction::Lift),
        })
    }

    fn count(&mut self, parts: usize) -> Result<(), PrepareError> {
        self.parts += parts;
        if self.parts <= MAX_PARTS {
            return Ok(());
        }
        Err(PrepareError::Parts { caller: self.caller.name().to_owned(), callee: self.callee.name().to_owned() })
    }

    /// Types one behind the other, in both worlds.
    fn parts(&mut self, types: impl Iterator<Item = (Type, Type)> + Clone) -> Result<Box<[Part]>, PrepareError> {
        let caller = self.caller;
        let offsets = caller.types().offsets(types.clone().map(|(ty, _)| ty));
        types
            .zip(offsets)
            .map(|((caller, callee), (_, offset))| {
                self.count(1)?;
                Ok(Part { offset, shape: self.shape(caller, callee)? })
            })
            .collect()
    }

    /// The shape of two types that are the same.
    fn shape(&mut self, caller: Type, callee: Type) -> Result<Arc<Shape>, PrepareError> {
        if let Some(shape) = self.shapes.get(&(caller, callee)) {
            return Ok(Arc::clone(shape));
        }
        self.count(1)?;
        let kind = match Scalar::built_in(caller) {
            Some(scalar) => ShapeKind::Scalar(scalar),
            None => self.kind(caller, callee)?,
        };
        let layout = self.caller.types().layout(caller);
        let Layout { size, align, flat, .. } = layout;
        let plain = match &kind {
            ShapeKind::Scalar(scalar) => scalar.any_bits(),
            // Plain parts that leave no byte between or behind them.
            ShapeKind::Fields(fields) => {
                let sizes = fields.iter().map(|field| u64::from(field.shape.size)).sum::<u64>();
                sizes == u64::from(size) && fields.iter().all(|field| field.shape.plain)
            }
            ShapeKind::String | ShapeKind::List(_) | ShapeKind::Cases { .. } | ShapeKind::Handle { .. } => false,
        };
        let flat = flat.types().map_or(0, <[_]>::len);
        let parts: u64 = match &kind {
            ShapeKind::Scalar(_) | ShapeKind::String | ShapeKind::Handle { .. } => 0,
            ShapeKind::List(element) => element.places.into(),
            ShapeKind::Fields(fields) => fields.iter().map(|field| u64::from(field.shape.places)).sum(),
            ShapeKind::Cases { cases, .. } => cases.iter().flatten().map(|case| u64::from(case.places)).sum(),
        };
        let places = u32::try_from(parts.saturating_add(1)).unwrap_or(u32::MAX);
        let shape = Arc::new(Shape { ty: caller, size, align, flat, plain, places, kind });
        self.shapes.insert((caller, callee), Arc::clone(&shape));
        Ok(shape)
    }

    /// What two types are that are the same and have parts.
    fn kind(&mut self, caller: Type, callee: Type) -> Result<ShapeKind, PrepareError> {
        let (types, callee_types) = (self.caller.types(), self.callee.types());
        let bytes = types.layout(caller).size;
        let kind = match (types.kind(caller), callee_types.kind(callee)) {
            (None, None) => ShapeKind::String,
            (Some(Kind::List(caller)), Some(Kind::List(callee))) => ShapeKind::List(self.shape(*caller, *callee)?),
            (Some(Kind::Record(caller)), Some(Kind::Record(callee))) => {
                ShapeKind::Fields(self.parts(caller.iter().map(|f| f.ty).zip(callee.iter().map(|f| f.ty)))?)
            }
            (Some(Kind::Tuple(caller)), Some(Kind::Tuple(callee))) => {
                ShapeKind::Fields(self.parts(caller.iter().copied().zip(callee.iter().copied()))?)
            }
            (Some(Kind::Flags(labels)), Some(Kind::Flags(_))) => {
                // 1 to 32 labels.
                let mask = u32::MAX.checked_shr(32 - labels.len() as u32).unwrap_or(0);
                ShapeKind::Scalar(Scalar::Flags { bytes, mask })
            }
            (Some(Kind::Enum(cases)), Some(Kind::Enum(_))) => {
                ShapeKind::Scalar(Scalar::Enum { bytes, cases: cases.len() as u32 })
            }
            (Some(Kind::Variant(caller_cases)), Some(Kind::Variant(callee_cases))) => {
                let pairs = caller_cases.iter().zip(callee_cases).map(|(caller, callee)| (caller.ty, callee.ty));
                self.cases(caller, pairs)?
            }
            (Some(Kind::Option(some)), Some(Kind::Option(callee_some))) => {
                self.cases(caller, [(None, None), (Some(*some), Some(*callee_some))])?
            }
            (Some(Kind::Result { ok, err }), Some(Kind::Result { ok: callee_ok, err: callee_err })) => {
                self.cases(caller, [(*ok, *callee_ok), (*err, *callee_err)])?
            }
            (Some(Kind::Own(caller)), Some(Kind::Own(callee))) => {
                ShapeKind::Handle { ownership: Ownership::Own, caller: *caller, callee: *callee }
            }
            (Some(Kind::Borrow(caller)), Some(Kind::Borrow(callee))) => {
                ShapeKind::Handle { ownership: Ownership::Borrow, caller: *caller, callee: *callee }
            }
            _ => return Err(self.differ(caller, callee)),
        };
        Ok(kind)
    }

    fn cases(
        &mut self,
        variant: Type,
        payloads: impl IntoIterator<Item = (Option<Type>, Option<Type>)>,
    ) -> Result<ShapeKind, PrepareError> {
        let mut cases = Vec::new();
        for payload in payloads {
            self.count(1)?;
            cases.push(match payload {
                (None, None) => None,
                (Some(caller), Some(callee)) => Some(self.shape(caller, callee)?),
                _ => return Err(self.differ(variant, variant)),
            });
        }
        let Some(layout) = self.caller.types().variant(variant) else { return Err(self.differ(variant, variant)) };
        let (discriminant_size, payload_offset) = (layout.discriminant_size, layout.payload_offset);
        Ok(ShapeKind::Cases { discriminant_size, payload_offset, cases: cases.into() })
    }

    /// For types that were compared, and yet are not the same: nothing is left to guess.
    fn differ(&self, caller: Type, callee: Type) -> PrepareError {
        PrepareError::Mismatch(Mismatch {
            place: "a type".to_owned(),
            left: self.caller.print_type(caller).to_string(),
            right: self.callee.print_type(callee).to_string(),
        })
    }
}
