// bailiwick:virt/fs, of a tree: what a virtualizer of files puts into it before anybody calls.
#pragma once

#include "tree.h"

// The most folders that are open from the beginning.
#define MAX_PREOPENS 64u

// Opens a folder from the beginning, by a name that stays; whether there was room.
bool fs_preopen(struct inode *root, const char *name, uint32_t len);
