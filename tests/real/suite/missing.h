/* What programs for Unix call and WASI has not: a file there has no mode and no owner to be set,
   so that nothing is to do. */
static inline int chmod(const char *path, unsigned mode) { return 0; }
static inline int fchmod(int file, unsigned mode) { return 0; }
static inline int fchown(int file, unsigned user, unsigned group) { return 0; }
