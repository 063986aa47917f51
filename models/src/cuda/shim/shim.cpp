// The kernels as a shared library for a processor, and its C interface: allocate, free, launch, schedule.
#define CPU_SHIM
#include "shim.h"

#undef _FORTIFY_SOURCE  // fibers jump between stacks
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "../kernels/primitives.cuh"
//
#include "../kernels/attention.cu"
#include "../kernels/delta_net.cu"
#include "../kernels/experts.cu"
#include "../kernels/rows.cu"
#include "../kernels/sampling.cu"

namespace shim {
thread_local Block block;
thread_local u32 thread;
thread_local bool late;
thread_local u64 progress;
Entry* Entry::first;

namespace {
constexpr size_t PAGE = 4096, STACK = 256 << 10, MOST_SHARED = 227 << 10;
constexpr int MOST_THREADS = 1024;

// Entered once by `swapcontext`; from then on control goes back and forth by `_longjmp`, which asks nothing of the system.
struct Fiber {
    jmp_buf place;
    ucontext_t context;
    bool begun = false, done = true;
};
struct Machine {
    Fiber fibers[MOST_THREADS];
    jmp_buf scheduler;
    sigjmp_buf failure;
    const char* why = nullptr;
    bool running = false;
    u8* shared = nullptr;  // ends at a page that nobody may touch
    u64 seed = 1;
    void (*run)(const void*) = nullptr;
    const void* arguments = nullptr;
};
thread_local Machine* machine;
struct sigaction previous;

// `bytes` between two pages that nobody may touch, ending at the second
u8* guarded(size_t bytes) {
    size_t whole = (bytes + PAGE - 1) / PAGE * PAGE;
    u8* p = (u8*)mmap(nullptr, whole + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect(p + PAGE, whole, PROT_READ | PROT_WRITE)) return nullptr;
    return p + PAGE + whole - bytes;
}
void body() {
    for (;;) {
        machine->run(machine->arguments);
        machine->fibers[thread].done = true;
        progress++;
        yield();
    }
}
void resume(u32 index) {
    Fiber& f = machine->fibers[index];
    thread = index;
    if (_setjmp(machine->scheduler)) return;
    if (f.begun) _longjmp(f.place, 1);
    f.begun = true;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = guarded(STACK);
    f.context.uc_stack.ss_size = STACK;
    f.context.uc_link = nullptr;
    makecontext(&f.context, body, 0);
    setcontext(&f.context);
}
void on_fault(int signal, siginfo_t* info, void* context) {
    if (machine && machine->running) {
        machine->why = "memory is touched out of bounds or out of alignment";
        siglongjmp(machine->failure, 1);
    }
    sigaction(signal, &previous, nullptr);  // not ours: it happens again, to whoever was there before
    (void)info, (void)context;
}
u64 next_random() {
    u64& x = machine->seed;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}
// Warps in random order, the lanes of each from a random one on, a random number of times, now and then as far as they go.
void run_block() {
    int threads = block.threads, warps = threads / 32, order[32], alive = threads;
    for (int i = 0; i < warps; i++) order[i] = i;
    for (int i = 0; i < threads; i++) machine->fibers[i].done = false;
    int idle = 0;
    while (alive) {
        u64 before = progress;
        alive = 0;
        for (int i = warps; i > 1; i--) std::swap(order[i - 1], order[next_random() % i]);
        for (int i = 0; i < warps; i++) {
            int turn = next_random() % 32, times = next_random() % 8 ? 1 + next_random() % 64 : 1 << 30, first = order[i] * 32;
            for (int time = 0; time < times; time++) {
                u64 then = progress;
                for (int lane = 0; lane < 32; lane++) {
                    u32 index = first + (lane + turn) % 32;
                    if (!machine->fibers[index].done) resume(index);
                }
                if (progress == then) break;
            }
            for (int lane = 0; lane < 32; lane++) alive += !machine->fibers[first + lane].done;
        }
        idle = progress == before ? idle + 1 : 0;
        if (idle > 1000) fail("a barrier is never completed");
    }
}
void prepare(size_t bytes) {
    if (!machine) {
        machine = new Machine;
        machine->shared = guarded(MOST_SHARED) + MOST_SHARED;
        static bool once = [] {
            struct sigaction action = {};
            action.sa_sigaction = on_fault;
            action.sa_flags = SA_SIGINFO | SA_NODEFER;
            sigaction(SIGSEGV, &action, &previous);
            sigaction(SIGBUS, &action, nullptr);
            return true;
        }();
        (void)once;
    }
    block.bytes = bytes;
    block.shared = machine->shared - (bytes + 127) / 128 * 128;
}
int refuse(char* error, size_t size, const char* name, const char* why) {
    snprintf(error, size, "kernel %s: %s", name, why);
    return 1;
}
int refuse_here(char* error, size_t size, const char* name, const char* why) {
    snprintf(error, size, "kernel %s: %s (block %u, %u, %u, thread %u)", name, why, block.index.x, block.index.y, block.index.z, thread);
    return 1;
}
}  // namespace

void yield() {
    Machine& m = *machine;
    u32 own = thread;
    if (!_setjmp(m.fibers[own].place)) _longjmp(m.scheduler, 1);
    thread = own;
}
void fail(const char* why) {
    machine->why = why;
    siglongjmp(machine->failure, 1);
}
}  // namespace shim

#define API extern "C" __attribute__((visibility("default")))

// Every byte is 0xff, which is no number in any float format and below zero as an integer.
API void* shim_allocate(size_t bytes) {
    u8* p = shim::guarded((bytes + 15) / 16 * 16);
    if (p) memset(p, 0xff, (bytes + 15) / 16 * 16);
    return p;
}
API void shim_free(void* p, size_t bytes) {
    size_t own = (bytes + 15) / 16 * 16, whole = (own + shim::PAGE - 1) / shim::PAGE * shim::PAGE;
    munmap((u8*)p + own - whole - shim::PAGE, whole + 2 * shim::PAGE);
}
API void shim_schedule(int late, u64 seed) {
    shim::prepare(0);
    shim::late = late;
    shim::machine->seed = seed * 2654435761u + 1;
}
API int shim_launch(const char* name, const u32* grid, u32 threads, size_t bytes, const void* arguments, size_t arguments_bytes, char* error, size_t error_bytes) {
    using namespace shim;
    Entry* entry = Entry::first;
    while (entry && strcmp(entry->name, name)) entry = entry->next;
    if (!entry) return refuse(error, error_bytes, name, "there is none of this name");
    if (threads != entry->threads) return refuse(error, error_bytes, name, "it has another number of threads");
    if (arguments_bytes != entry->bytes) return refuse(error, error_bytes, name, "its arguments have another size");
    if (bytes > MOST_SHARED) return refuse(error, error_bytes, name, "it asks for more shared memory than a card has");
    if (grid[0] == 0 || grid[1] == 0 || grid[2] == 0) return refuse(error, error_bytes, name, "the grid is empty");
    prepare(bytes);
    Machine& m = *machine;
    m.run = entry->run, m.arguments = arguments;
    if (sigsetjmp(m.failure, 1)) {
        m.running = false;
        for (Fiber& f : m.fibers) f.begun = false;  // what they stood in is lost
        return refuse_here(error, error_bytes, name, m.why);
    }
    m.running = true;
    block.threads = threads;
    block.grid = {grid[0], grid[1], grid[2]};
    for (u32 z = 0; z < grid[2]; z++)
        for (u32 y = 0; y < grid[1]; y++)
            for (u32 x = 0; x < grid[0]; x++) {
                block.index = {x, y, z};
                block.all = {};
                for (u32 w = 0; w < threads / 32; w++) static_cast<Meeting&>(block.warps[w]) = {};
                for (Barrier& b : block.barriers) b = {};
                for (u32 t = 0; t < threads; t++) block.pieces[t].clear();
                memset(block.shared, 0xff, bytes);
                run_block();
            }
    m.running = false;
    return 0;
}
