// Keeps a mark in its memory, and looks for others'. SIDE is the package that it is.

#include "spy.h"

EXPORT("test:" SIDE "/spy#keep") void keep(uint32_t mark) {
    keep_mark(mark);
}

EXPORT("test:" SIDE "/spy#seen") uint32_t seen(uint32_t mark) {
    return marks_seen(mark);
}
