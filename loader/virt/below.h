// The module's own folders, shown below a tree: looked at when they are needed, and never written to.
#pragma once

#include "fs.h"

// Makes a root for each folder that the module holds, and opens it from the beginning by the folder's own name. How many
// there are, or -1: no memory.
int below_open_all(void);

// The root of one of them.
struct inode *below_root(int i);
