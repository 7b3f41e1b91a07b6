/* Lua's interpreter: calls, tables, strings, closures, patterns, a little arithmetic. */
#include "kernel.h"
#include "lauxlib.h"
#include "lualib.h"
#ifndef SIZE
#define SIZE 1
#endif

static const char script[] =
    "local sum = 0\n"
    "local function add(x) sum = (sum * 31 + x) % 1000000007 end\n"
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "add(fib(22))\n"
    "local Queue = {} Queue.__index = Queue\n"
    "function Queue.new() return setmetatable({ first = 1, last = 0 }, Queue) end\n"
    "function Queue:push(x) self.last = self.last + 1 self[self.last] = x end\n"
    "function Queue:pop() local x = self[self.first] self[self.first] = nil self.first = self.first + 1 return x end\n"
    "local queue = Queue.new()\n"
    "for i = 1, 20000 do queue:push(i * i % 1009) if i % 3 == 0 then add(queue:pop()) end end\n"
    "local keys, state = {}, 42\n"
    "for i = 1, 8000 do state = (state * 1103515245 + 12345) % 2147483648 keys[i] = state end\n"
    "table.sort(keys) for i = 1, #keys, 100 do add(keys[i]) end\n"
    "table.sort(keys, function(a, b) return a % 1000 > b % 1000 or a % 1000 == b % 1000 and a < b end)\n"
    "for i = 1, #keys, 100 do add(keys[i]) end\n"
    "local parts = {}\n"
    "for i = 1, 4000 do parts[#parts + 1] = string.format('%d:%x;', i, i * 7919) end\n"
    "local text = table.concat(parts)\n"
    "for digits, hex in text:gmatch('(%d+):(%x+)') do add(tonumber(digits) + tonumber(hex, 16)) end\n"
    "add(#text:gsub('[a-f]+', function(s) return s:upper() .. #s end))\n"
    "local function compose(n) local f = function(x) return x end\n"
    "  for i = 1, n do local g = f f = function(x) return g(x) + i end end return f end\n"
    "local chain = compose(60) for i = 1, 300 do add(chain(i)) end\n"
    "local n, grid = 60, {}\n"
    "for i = 1, n do grid[i] = {} for j = 1, n do grid[i][j] = (i * j) % 7 / 4 end end\n"
    "local product = 0.0\n"
    "for i = 1, n do local row = grid[i] for j = 1, n do local t = 0.0\n"
    "  for k = 1, n do t = t + row[k] * grid[k][j] end product = product + t end end\n"
    "add(math.floor(product))\n"
    "return sum\n";

static uint64_t sum;
static lua_State *state;

static void library(const char *name, lua_CFunction open) {
    luaL_requiref(state, name, open, 1);
    lua_pop(state, 1);
}

void setup(void) {
    if (state) lua_close(state);
    state = luaL_newstate();
    library("_G", luaopen_base);
    library("table", luaopen_table);
    library("string", luaopen_string);
    library("math", luaopen_math);
    sum = 0;
}

void kernel(void) {
    for (int i = 0; i < SIZE; i++) {
        luaL_loadbuffer(state, script, sizeof script - 1, "script");
        lua_call(state, 0, 1);
        sum = mixed(sum, (uint64_t)lua_tointeger(state, -1));
        lua_pop(state, 1);
    }
}

uint64_t checksum(void) { return sum; }
