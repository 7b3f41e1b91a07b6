# The tag of all exceptions of C++, which carry an address. A library for this form would define it.
	.globl	__cpp_exception
	.tagtype	__cpp_exception i32
__cpp_exception:
