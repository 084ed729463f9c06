// SPDX-License-Identifier: MIT
// How late a loop is while a large file is read that is not in the page cache: by Eddy, by
// libuv's uv_fs_read, and by whoever calls pread on the loop. And how long that takes.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <uv.h>

#include <eddy/fs/file.hpp>
#include <eddy/fs/file_stream.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/yield.hpp>

#include "bench.hpp"
#include "bench_file.hpp"
#include "finished.hpp"

namespace bench {

namespace {

constexpr std::size_t block = std::size_t{1} << 20U;
constexpr std::size_t small_block = std::size_t{64} << 10U;

/// How much later than a millisecond each beat came, in nanoseconds.
class Heartbeats final {
public:
    void start() { last_ = nanoseconds(CLOCK_MONOTONIC); }
    void beat() {
        const double now = nanoseconds(CLOCK_MONOTONIC);
        late_.push_back(now - last_ - 1e6);
        last_ = now;
    }
    /// In milliseconds.
    [[nodiscard]] double at(double fraction) {
        if (late_.empty()) {
            return 0;
        }
        std::sort(late_.begin(), late_.end());
        const auto last = static_cast<double>(late_.size() - 1);
        return late_[static_cast<std::size_t>(fraction * last)] / 1e6;
    }

private:
    double last_ = 0;
    std::vector<double> late_;
};

eddy::Task<> beats(Heartbeats& heart) {
    heart.start();
    while (true) {
        co_await eddy::sleep_for(std::chrono::milliseconds(1));
        heart.beat();
    }
}

/// Beside the heartbeat of a loop of Eddy's.
void beside(Heartbeats& heart, eddy::Task<> reads) {
    eddy::run([](Heartbeats& of, eddy::Task<> work) -> eddy::Task<> {
        auto beating = eddy::spawn(beats(of));
        co_await std::move(work);
        beating.cancel();
        co_await beating.wait();
    }(heart, std::move(reads)));
}

eddy::Task<> read_stream(std::string path) {
    eddy::FileStream stream(co_await eddy::File::open(path));
    std::vector<std::byte> memory(block);
    std::size_t length = 1;
    while (length != 0) {
        length = co_await stream.read_some(memory);
    }
}

eddy::Task<> read_small(std::string path) {
    const eddy::File file = co_await eddy::File::open(path);
    std::vector<std::byte> memory(small_block);
    std::size_t length = small_block;
    for (std::uint64_t offset = 0; length == small_block; offset += length) {
        length = co_await file.read_at(offset, memory);
    }
}

eddy::Task<> read_blocks(std::string path) {
    const eddy::File file = co_await eddy::File::open(path);
    std::vector<std::byte> memory(block);
    std::size_t length = block;
    for (std::uint64_t offset = 0; length == block; offset += length) {
        length = co_await file.read_at(offset, memory);
    }
}

/// What one should not do: the loop waits for the disk.
eddy::Task<> read_on_loop(int fd) {
    std::vector<std::byte> memory(block);
    ssize_t length = 1;
    for (off_t offset = 0; length > 0; offset += length) {
        length = pread(fd, memory.data(), memory.size(), offset);
        co_await eddy::yield();
    }
}

class UvReader final {
public:
    UvReader(int fd, Heartbeats& heart) : fd_(fd), heart_(heart), memory_(block) {}
    void run() {
        uv_loop_init(&loop_);
        request_.data = timer_.data = this;
        uv_timer_init(&loop_, &timer_);
        heart_.start();
        uv_timer_start(
            &timer_,
            [](uv_timer_t* timer) { static_cast<UvReader*>(timer->data)->heart_.beat(); },
            1,
            1);
        send();
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }

private:
    void send() {
        const uv_buf_t into = uv_buf_init(memory_.data(), static_cast<unsigned>(memory_.size()));
        uv_fs_read(&loop_, &request_, fd_, &into, 1, offset_, [](uv_fs_t* done) {
            const ssize_t length = done->result;
            uv_fs_req_cleanup(done);
            static_cast<UvReader*>(done->data)->came(length);
        });
    }
    void came(ssize_t length) {
        if (length > 0) {
            offset_ += length;
            send();
        } else {
            uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
        }
    }

    const int fd_;
    Heartbeats& heart_;
    std::vector<char> memory_;
    std::int64_t offset_ = 0;
    uv_loop_t loop_{};
    uv_timer_t timer_{};
    uv_fs_t request_{};
};

void measure(const char* name,
             const BenchFile& file,
             std::size_t megabytes,
             const std::function<void(Heartbeats&)>& reads) {
    file.forget();
    Heartbeats heart;
    const double start = nanoseconds(CLOCK_MONOTONIC);
    reads(heart);
    const double seconds = (nanoseconds(CLOCK_MONOTONIC) - start) / 1e9;
    std::printf("%-26s %8.2f %9.0f %9.2f %9.2f %9.2f\n",
                name,
                seconds,
                static_cast<double>(megabytes) / seconds,
                heart.at(0.5),
                heart.at(0.99),
                heart.at(1));
    std::fflush(stdout);
}

void measure_all(const std::filesystem::path& directory, std::size_t megabytes) {
    const BenchFile file(directory, static_cast<std::uint64_t>(megabytes) << 20U);
    std::printf("%zu MiB, in blocks of 1 MiB; how late a beat of 1 ms is, in ms\n", megabytes);
    std::printf("%-26s %8s %9s %9s %9s %9s\n", "", "seconds", "MiB/s", "p50", "p99", "most");
    for (int round = 0; round < 2; ++round) {
        measure("eddy, FileStream", file, megabytes, [&](Heartbeats& heart) {
            beside(heart, read_stream(file.path()));
        });
        measure("eddy, read_at", file, megabytes, [&](Heartbeats& heart) {
            beside(heart, read_blocks(file.path()));
        });
        measure("eddy, read_at of 64 KiB", file, megabytes, [&](Heartbeats& heart) {
            beside(heart, read_small(file.path()));
        });
        measure("libuv, uv_fs_read", file, megabytes, [&](Heartbeats& heart) {
            UvReader(file.fd(), heart).run();
        });
        measure("pread on a loop of Eddy's", file, megabytes, [&](Heartbeats& heart) {
            beside(heart, read_on_loop(file.fd()));
        });
    }
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    std::filesystem::path directory = std::filesystem::temp_directory_path();
    std::size_t megabytes = 1024;
    for (int i = 1; i < count; i += 2) {
        const std::string_view name = arguments[i];
        const std::string_view value = i + 1 < count ? arguments[i + 1] : "";
        const bool is_size = name == "--megabytes";
        if (name == "--directory" && !value.empty()) {
            directory = value;
        } else if (!is_size ||
                   std::from_chars(value.data(), value.data() + value.size(), megabytes).ec !=
                       std::errc() ||
                   megabytes == 0) {
            const bool asked = name == "--help" || name == "-h";
            std::fprintf(asked ? stdout : stderr,
                         "usage: [--directory DIR] [--megabytes N]\n"
                         "  --directory DIR  where the file is made (default: %s)\n"
                         "  --megabytes N    how large it is (default: 1024)\n",
                         directory.c_str());
            return bench::finished(asked ? 0 : 2);
        }
    }
    bench::measure_all(directory, megabytes);
    return bench::finished(0);
}
