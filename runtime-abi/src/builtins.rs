//! Runtime functions that compiled code calls, in the order of the table that a context points to.
//!
//! All take the caller's context first, then up to five 64-bit integers (32-bit values zero-extended), and
//! return one 64-bit integer. A failed bounds check does not return but ends the activation with the trap named.

macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident($($param:ident),*);)*) => {
        /// A runtime function.
        #[allow(non_camel_case_types, reason = "the names are those of the functions")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Builtin { $($(#[$doc])* $name,)* }

        /// All of them, in table order.
        pub const ALL: &[Builtin] = &[$(Builtin::$name),*];
        /// How many there are.
        pub const COUNT: usize = ALL.len();

        impl Builtin {
            /// Byte offset of its address in the builtin table.
            pub const fn offset(self) -> i32 { self as i32 * 8 }
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Builtin::$name => stringify!($name),)* }
            }
            /// How many integers it takes besides the context.
            pub const fn params(self) -> usize {
                match self { $(Builtin::$name => { const P: &[&str] = &[$(stringify!($param)),*]; P.len() })* }
            }
        }
    };
}

builtins! {
    /// Grows a memory by `delta` pages; returns the old size in pages, or -1 (as 64 bits) if it can't.
    memory_grow(memory, delta);
    /// `memory.copy`: `len` bytes, as if by way of a buffer. Traps: MemoryOutOfBounds.
    memory_copy(dst_memory, src_memory, dst, src, len);
    /// `memory.fill`. Traps: MemoryOutOfBounds.
    memory_fill(memory, dst, value, len);
    /// `memory.init`. Traps: MemoryOutOfBounds.
    memory_init(memory, segment, dst, src, len);
    /// `data.drop`.
    data_drop(segment);
    /// Grows a table by `delta` elements of value `init` (a reference); returns the old size, or -1 as 64 bits.
    table_grow(table, delta, init);
    /// `table.fill`. Traps: TableOutOfBounds.
    table_fill(table, dst, value, len);
    /// `table.copy`. Traps: TableOutOfBounds.
    table_copy(dst_table, src_table, dst, src, len);
    /// `table.init`. Traps: TableOutOfBounds.
    table_init(table, segment, dst, src, len);
    /// `elem.drop`.
    elem_drop(segment);
    /// Element `index` (in bounds) of a function table whose word is [`crate::context::ELEMENT_LAZY`]: resolves
    /// it, stores the word, and returns the reference: the address of a funcref record, or 0 for null.
    table_get_lazy(table, index);
    /// The reference to a function of this module: the address of its funcref record.
    ref_func(function);
    /// `throw`: makes an exception of the module's tag, with the values in cells at `values` on the guest's stack
    /// ([`crate::convention::VALUE_SIZE`] bytes each). Does not return: control goes on in a handler, or the activation
    /// ends. Traps: LimitExceeded.
    throw(tag, values);
    /// `throw_ref`: the same with an exception that there is. Traps: NullReference.
    throw_ref(exception);
    /// `memory.atomic.wait32` at `index + offset`: 0 if it was notified, 1 if the memory holds something else, 2 if `timeout`
    /// (nanoseconds; below 0: none) was over. Traps: MemoryOutOfBounds, HeapMisaligned, ExpectedShared, in this order;
    /// Interrupt; LimitExceeded if too many wait already.
    atomic_wait32(memory, index, offset, expected, timeout);
    /// `memory.atomic.wait64`, likewise.
    atomic_wait64(memory, index, offset, expected, timeout);
    /// `memory.atomic.notify` at `index + offset`, at most `count` waiters: how many there were. 0 on a memory that is not
    /// shared. Traps: MemoryOutOfBounds, HeapMisaligned.
    atomic_notify(memory, index, offset, count);
    /// Whether a function's type, by the group's id, is the expected one or was declared its subtype: 1, or 0.
    is_subtype(found, expected);
}
