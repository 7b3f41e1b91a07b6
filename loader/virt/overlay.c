// An overlay: shows the folders that the module holds, and keeps every change to itself, in memory.
//
// It needs no right but to list and read. A folder is looked up when somebody first looks into it, and a page of a file is
// copied when it is first written; who else changes what is below meanwhile, changes what was not yet looked at. Two names
// of one file are two files here. When the module's `limits.memory` is reached, there is no space.
#include "below.h"

VIRT_EXPORT("_initialize") void initialize(void) {
    if (below_open_all() < 0) give_up("overlay", "not enough memory for its folders; see limits.memory");
}
