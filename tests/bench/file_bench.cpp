// SPDX-License-Identifier: MIT
// What it costs to read what is in the page cache, beside pread and libuv's uv_fs_read.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <unistd.h>
#include <vector>

#include <uv.h>

#include <eddy/fs/file.hpp>
#include <eddy/run.hpp>
#include <eddy/task_group.hpp>

#include "bench_file.hpp"
#include "command_line.hpp"
#include "counting_new.hpp"

namespace bench {

namespace {

constexpr std::uint64_t file_size = std::uint64_t{16} << 20U;
constexpr std::size_t kib = 1024;

/// In the cache: it has just been written.
const BenchFile& cached_file() {
    static const BenchFile file(std::filesystem::temp_directory_path(), file_size);
    return file;
}

/// Every read somewhere else.
class Offsets final {
public:
    explicit Offsets(std::size_t size) : size_(size) {}
    [[nodiscard]] std::uint64_t next() noexcept {
        at_ = (at_ + 37 * size_) % (file_size - size_);
        return at_ / size_ * size_;
    }

private:
    std::size_t size_;
    std::uint64_t at_ = 0;
};

[[nodiscard]] constexpr std::size_t reads_of(std::size_t size) {
    return size <= 4 * kib ? 16'384 : 4'096;
}

void must(bool good) {
    if (!good) {
        give_up("a read");
    }
}

// --- Eddy --------------------------------------------------------------------------------------

eddy::Task<> read_often(const eddy::File& file, std::size_t size, std::size_t count) {
    std::vector<std::byte> memory(size);
    Offsets offsets(size);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t length = co_await file.read_at(offsets.next(), memory);
        must(length == size);
    }
}

eddy::Task<Sample> measure_reads(std::size_t size, std::size_t jobs) {
    const eddy::File file = co_await eddy::File::open(cached_file().path());
    co_await read_often(file, size, 100);
    const std::size_t count = reads_of(size);
    const Meter meter(CLOCK_MONOTONIC);
    if (jobs == 1) {
        co_await read_often(file, size, count);
    } else {
        co_await eddy::with_task_group([&](eddy::TaskGroup& group) -> eddy::Task<> {
            for (std::size_t i = 0; i < jobs; ++i) {
                group.spawn(read_often(file, size, count / jobs));
            }
            co_return;
        });
    }
    co_return meter.stop(count);
}

template <std::size_t size, std::size_t jobs>
Sample eddy_reads() {
    return eddy::run(measure_reads(size, jobs));
}

// --- the system call ---------------------------------------------------------------------------

template <std::size_t size>
Sample pread_reads() {
    std::vector<std::byte> memory(size);
    Offsets offsets(size);
    const std::size_t count = reads_of(size);
    const Meter meter(CLOCK_MONOTONIC);
    for (std::size_t i = 0; i < count; ++i) {
        const ssize_t length =
            pread(cached_file().fd(), memory.data(), size, static_cast<off_t>(offsets.next()));
        must(length == static_cast<ssize_t>(size));
    }
    return meter.stop(count);
}

// --- libuv -------------------------------------------------------------------------------------

struct UvReads {
    uv_fs_t request{};
    uv_loop_t* loop = nullptr;
    std::vector<char> memory;
    Offsets offsets{0};
    std::size_t left = 0;

    void send() {
        const uv_buf_t into = uv_buf_init(memory.data(), static_cast<unsigned>(memory.size()));
        request.data = this;
        uv_fs_read(loop,
                   &request,
                   cached_file().fd(),
                   &into,
                   1,
                   static_cast<std::int64_t>(offsets.next()),
                   [](uv_fs_t* done) {
                       auto& self = *static_cast<UvReads*>(done->data);
                       must(done->result == static_cast<ssize_t>(self.memory.size()));
                       uv_fs_req_cleanup(done);
                       if (--self.left != 0) {
                           self.send();
                       }
                   });
    }
};

template <std::size_t size, std::size_t in_flight>
Sample uv_reads() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    std::vector<UvReads> all(in_flight);
    const auto round = [&](std::size_t count) {
        for (UvReads& one : all) {
            one.loop = &loop;
            one.memory.resize(size);
            one.offsets = Offsets(size);
            one.left = count / in_flight;
            one.send();
        }
        uv_run(&loop, UV_RUN_DEFAULT);
    };
    round(in_flight * 4);
    const std::size_t count = reads_of(size) / 4;
    const Meter meter(CLOCK_MONOTONIC);
    round(count);
    const Sample sample = meter.stop(count);
    uv_loop_close(&loop);
    return sample;
}

template <std::size_t size, std::size_t in_flight>
Row row(const char* name, const char* title) {
    return {.name = name,
            .title = title,
            .unit = "ns",
            .contenders = {{"eddy", eddy_reads<size, in_flight>},
                           {"pread", pread_reads<size>},
                           {"uv_fs_read", uv_reads<size, in_flight>}},
            .targets = in_flight == 1 ? std::vector<Target>{{"pread", 1.3}, {"uv_fs_read", 0.125}}
                                      : std::vector<Target>{{"pread", 1.3}},
            .allocation_free = in_flight == 1};
}

std::vector<Row> rows() {
    return {row<4 * kib, 1>("cached_4k", "read 4 KiB of the page cache, one after the other"),
            row<4 * kib, 32>("cached_4k_32", "read 4 KiB of the page cache, 32 in flight"),
            row<64 * kib, 1>("cached_64k", "read 64 KiB of the page cache, one after the other"),
            row<64 * kib, 32>("cached_64k_32", "read 64 KiB of the page cache, 32 in flight")};
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) { return bench::run_main(count, arguments, bench::rows()); }
