// SPDX-License-Identifier: MIT
// attached_host PLUGIN: loads it, has it attach to a loop on a thread, do its work and detach, and
// unloads it when the thread has ended; three times, and once more with a thread of the plugin's
// still there. Nothing of it may be called after that, at the exit either.
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <string>
#include <thread>

#include <uv.h>

namespace {

bool detached = false;

template <class Function>
Function* find(void* plugin, const char* name) {
    return reinterpret_cast<Function*>(dlsym(plugin, name));
}

bool is_mapped(const std::string& path) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.size() >= path.size() &&
            line.compare(line.size() - path.size(), path.size(), path) == 0) {
            return true;
        }
    }
    return false;
}

/// True: it is not in memory any more.
bool visit(const char* path, bool look_up) {
    void* const plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin == nullptr) {
        std::printf("%s\n", dlerror());
        return false;
    }
    std::thread([&] {
        uv_loop_t loop;
        uv_loop_init(&loop);
        find<void(uv_loop_t*, int)>(plugin, "plugin_attach")(&loop, look_up ? 1 : 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        find<void(void (*)())>(plugin, "plugin_detach")([] { detached = true; });
        uv_run(&loop, UV_RUN_DEFAULT);
        find<void()>(plugin, "plugin_free")();
        detached = detached && uv_loop_close(&loop) == 0;
    }).join();
    dlclose(plugin);
    return !is_mapped(path);
}

}  // namespace

int main(int, char** arguments) {
    for (int round = 1; round <= 3; ++round) {
        detached = false;
        const bool unloaded = visit(arguments[1], false);
        std::printf("round %d: %s\n", round, unloaded ? "unloaded" : "still there");
        if (!unloaded || !detached) {
            return 1;
        }
    }
    const bool unloaded = visit(arguments[1], true);
    std::printf("with a thread: %s\n", unloaded ? "unloaded" : "still there");
    return unloaded ? 1 : 0;  // the thread waits for another name to look up, in the plugin's code
}
