/* The log (WAL) of a writer's connection, with a commit's frames in one write. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>

struct wal;

/* The name of the VFS through which a writer is opened, over the one named `below` (NULL: the default). NULL when SQLite refuses it: open
 * with `below` then, nothing but speed is lost. [any] */
const char *wal_vfs(const char *below);
struct wal *wal_of(sqlite3 *db); /* NULL: its log is not open, or was not opened through wal_vfs */

void wal_gather(struct wal *w);  /* before COMMIT: what it writes is gathered until it syncs or reads */
int wal_gathered(struct wal *w); /* after COMMIT, whatever came of it: nothing is held back any more. Gives SQLite's code */
