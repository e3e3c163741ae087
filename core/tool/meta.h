/* Inside tool: what is generated from the field tables and the words of the language. */
#pragma once
#include "kit/err.h"
#include "kit/str.h"

void meta_definitions(struct buf *out); /* .kairos/kairos.lua: LuaLS definitions */
void meta_luarc(struct buf *out);       /* .luarc.json */
void meta_luacheck(struct buf *out);    /* .luacheckrc */
void meta_manual(struct buf *out);      /* docs/RULES.md, "Every field" */
