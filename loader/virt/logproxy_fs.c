// The logging proxy's files: a number of what is open is a descriptor of its own.
#include "log.h"

#define MOST (1u << 20)
#define MAX_PREOPENS 64u
#define FIRST_FD 3u
// All rights but those to read and write bytes.
#define OTHER_RIGHTS (((UINT64_C(1) << 29) - 1) & ~(uint64_t)(WASI_RIGHT_READ | WASI_RIGHT_WRITE))
#define ALL_RIGHTS ((UINT64_C(1) << 29) - 1)

// ---- Results, and what they look like in the log ---------------------------------------------------------------------

static virt_result *done(uint16_t error) {
    static virt_result result;
    log_error(error);
    result = (virt_result){error != 0, (uint8_t)error};
    return &result;
}

static virt_u32_result *number(uint16_t error, uint32_t value) {
    static virt_u32_result result;
    result.failed = error != 0;
    if (result.failed) {
        result.error = (uint8_t)error;
        log_error(error);
    } else {
        result.value = value;
        log_value(value);
    }
    return &result;
}

static virt_stat_result *stat_of(uint16_t error, const wasi_filestat *stat) {
    static virt_stat_result result;
    result.failed = error != 0;
    if (result.failed) {
        result.error = (uint8_t)error;
    } else {
        result.value = (virt_stat){stat->kind, stat->device, stat->inode, stat->links, stat->size,
                                   stat->accessed, stat->modified, stat->changed};
    }
    log_error(error);
    return &result;
}

static void begin(const char *call, const char *name, uint32_t node) {
    call_begins();
    log_call(call);
    log_number(name, node);
}

static void begin_path(const char *call, uint32_t folder, const char *path, uint32_t len) {
    begin(call, "folder", folder);
    log_text("path", path, len);
}

// ---- The interface ---------------------------------------------------------------------------------------------------

virt_preopens *virt_fs_preopens(void) {
    static virt_preopen folders[MAX_PREOPENS];
    static virt_preopens result;
    call_begins();
    log_call("fs.preopens");
    uint32_t count = 0;
    wasi_prestat prestat;
    for (uint32_t fd = FIRST_FD; count < MAX_PREOPENS && wasi_fd_prestat_get(fd, &prestat) == 0; fd++) {
        char *name = prestat.tag == 0 ? arena_new(prestat.name_len) : NULL;
        if (name == NULL || wasi_fd_prestat_dir_name(fd, name, prestat.name_len) != 0) continue;
        if (is_text(name, prestat.name_len)) folders[count++] = (virt_preopen){fd, {name, prestat.name_len}};
    }
    log_value(count);
    result = (virt_preopens){folders, count};
    return &result;
}

virt_u32_result *virt_fs_open(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow, uint32_t how,
                              uint32_t access) {
    begin_path("fs.open", folder, path, path_len);
    log_number("how", how);
    log_number("access", access);
    uint64_t rights = OTHER_RIGHTS;
    if (access & VIRT_READ) rights |= WASI_RIGHT_READ;
    if (access & VIRT_WRITE) rights |= WASI_RIGHT_WRITE;
    uint32_t fd = 0;
    uint16_t error = wasi_path_open(folder, follow, path, path_len, how, rights, ALL_RIGHTS, 0, &fd);
    return number(error, fd);
}

void virt_fs_close(uint32_t file) {
    begin("fs.close", "file", file);
    log_error(wasi_fd_close(file));
}

virt_bytes_result *virt_fs_read(uint32_t file, uint64_t offset, uint32_t len) {
    static virt_bytes_result result;
    begin("fs.read", "file", file);
    log_number("offset", offset);
    log_number("len", len);
    uint8_t *at = arena_rest(least(len, MOST), &len);
    wasi_iovec part = {at, len};
    uint32_t read = 0;
    uint16_t error = wasi_fd_pread(file, &part, 1, offset, &read);
    result.failed = error != 0;
    if (result.failed) {
        result.error = (uint8_t)error;
        log_error(error);
    } else {
        result.value = (virt_bytes){at, read};
        log_value(read);
    }
    return &result;
}

virt_u32_result *virt_fs_write(uint32_t file, uint64_t offset, const uint8_t *data, uint32_t len) {
    begin("fs.write", "file", file);
    log_number("offset", offset);
    log_number("len", len);
    wasi_ciovec part = {data, len};
    uint32_t written = 0;
    uint16_t error = wasi_fd_pwrite(file, &part, 1, offset, &written);
    return number(error, written);
}

virt_u32_result *virt_fs_append(uint32_t file, const uint8_t *data, uint32_t len) {
    begin("fs.append", "file", file);
    log_number("len", len);
    wasi_ciovec part = {data, len};
    uint32_t written = 0;
    uint16_t error = wasi_fd_fdstat_set_flags(file, WASI_FDFLAG_APPEND);
    if (error == 0) {
        error = wasi_fd_write(file, &part, 1, &written);
        (void)wasi_fd_fdstat_set_flags(file, 0);
    }
    return number(error, written);
}

virt_stat_result *virt_fs_get_stat(uint32_t file) {
    wasi_filestat stat;
    begin("fs.get-stat", "file", file);
    return stat_of(wasi_fd_filestat_get(file, &stat), &stat);
}

virt_stat_result *virt_fs_get_stat_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow) {
    wasi_filestat stat;
    begin_path("fs.get-stat-at", folder, path, path_len);
    return stat_of(wasi_path_filestat_get(folder, follow, path, path_len, &stat), &stat);
}

virt_result *virt_fs_set_size(uint32_t file, uint64_t size) {
    begin("fs.set-size", "file", file);
    log_number("size", size);
    return done(wasi_fd_filestat_set_size(file, size));
}

static uint32_t which_times(uint32_t accessed, uint32_t modified) {
    static const uint8_t flags[2][3] = {
        {0, WASI_STAT_ATIM_NOW, WASI_STAT_ATIM},
        {0, WASI_STAT_MTIM_NOW, WASI_STAT_MTIM},
    };
    return flags[0][accessed <= VIRT_AT ? accessed : 0] | flags[1][modified <= VIRT_AT ? modified : 0];
}

virt_result *virt_fs_set_times(uint32_t file, uint32_t accessed, uint64_t accessed_at, uint32_t modified,
                               uint64_t modified_at) {
    begin("fs.set-times", "file", file);
    return done(wasi_fd_filestat_set_times(file, accessed_at, modified_at, which_times(accessed, modified)));
}

virt_result *virt_fs_set_times_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow,
                                  uint32_t accessed, uint64_t accessed_at, uint32_t modified, uint64_t modified_at) {
    begin_path("fs.set-times-at", folder, path, path_len);
    uint32_t flags = which_times(accessed, modified);
    return done(wasi_path_filestat_set_times(folder, follow, path, path_len, accessed_at, modified_at, flags));
}

virt_result *virt_fs_sync(uint32_t file, uint32_t data_only) {
    begin("fs.sync", "file", file);
    return done(data_only ? wasi_fd_datasync(file) : wasi_fd_sync(file));
}

// Puts the whole entries of a batch into a list; how many, and where it goes on.
static uint32_t whole_entries(const char *batch, uint32_t used, virt_entry *entries, uint64_t *cursor) {
    uint32_t count = 0;
    wasi_dirent entry;
    for (uint32_t at = 0; at + sizeof entry <= used;) {
        copy(&entry, batch + at, sizeof entry);
        at += (uint32_t)sizeof entry;
        if (entry.name_len > used - at) break;
        *cursor = entry.next;
        // A name that is no text can't be told.
        if (is_text(batch + at, entry.name_len)) {
            entries[count++] = (virt_entry){{batch + at, entry.name_len}, entry.inode, entry.kind, entry.next};
        }
        at += entry.name_len;
    }
    return count;
}

virt_entries_result *virt_fs_entries(uint32_t folder, uint64_t cursor) {
    static char batch[16 << 10];
    static virt_entry entries[sizeof batch / sizeof(wasi_dirent)];
    static virt_entries_result result;
    begin("fs.entries", "folder", folder);
    log_number("cursor", cursor);
    uint16_t error;
    uint32_t used, count;
    uint64_t before;
    // Not until there is one that can be told, or none left.
    do {
        before = cursor;
        used = 0;
        error = wasi_fd_readdir(folder, batch, sizeof batch, cursor, &used);
        count = error == 0 ? whole_entries(batch, used, entries, &cursor) : 0;
    } while (error == 0 && count == 0 && used == sizeof batch && cursor != before);
    result.failed = error != 0;
    if (result.failed) {
        result.error = (uint8_t)error;
        log_error(error);
    } else {
        result.value.at = entries;
        result.value.len = count;
        log_value(count);
    }
    return &result;
}

virt_result *virt_fs_create_directory_at(uint32_t folder, const char *path, uint32_t path_len) {
    begin_path("fs.create-directory-at", folder, path, path_len);
    return done(wasi_path_create_directory(folder, path, path_len));
}

virt_result *virt_fs_remove_directory_at(uint32_t folder, const char *path, uint32_t path_len) {
    begin_path("fs.remove-directory-at", folder, path, path_len);
    return done(wasi_path_remove_directory(folder, path, path_len));
}

virt_result *virt_fs_unlink_at(uint32_t folder, const char *path, uint32_t path_len) {
    begin_path("fs.unlink-at", folder, path, path_len);
    return done(wasi_path_unlink_file(folder, path, path_len));
}

virt_result *virt_fs_rename_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t new_folder,
                               const char *new_path, uint32_t new_path_len) {
    begin_path("fs.rename-at", folder, path, path_len);
    log_number("new-folder", new_folder);
    log_text("new-path", new_path, new_path_len);
    return done(wasi_path_rename(folder, path, path_len, new_folder, new_path, new_path_len));
}

virt_result *virt_fs_link_at(uint32_t folder, const char *path, uint32_t path_len, uint32_t follow, uint32_t new_folder,
                             const char *new_path, uint32_t new_path_len) {
    begin_path("fs.link-at", folder, path, path_len);
    log_number("new-folder", new_folder);
    log_text("new-path", new_path, new_path_len);
    return done(wasi_path_link(folder, follow, path, path_len, new_folder, new_path, new_path_len));
}

virt_result *virt_fs_symlink_at(const char *target, uint32_t target_len, uint32_t folder, const char *path,
                                uint32_t path_len) {
    begin_path("fs.symlink-at", folder, path, path_len);
    log_text("target", target, target_len);
    return done(wasi_path_symlink(target, target_len, folder, path, path_len));
}

virt_string_result *virt_fs_readlink_at(uint32_t folder, const char *path, uint32_t path_len) {
    static char target[PAGE];
    static virt_string_result result;
    begin_path("fs.readlink-at", folder, path, path_len);
    uint32_t used = 0;
    uint16_t error = wasi_path_readlink(folder, path, path_len, target, sizeof target, &used);
    if (error == 0 && !is_text(target, used)) error = VIRT_ILSEQ;
    result.failed = error != 0;
    if (result.failed) result.error = (uint8_t)error;
    else result.value = (virt_string){target, used};
    log_error(error);
    return &result;
}
