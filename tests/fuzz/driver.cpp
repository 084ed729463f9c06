// SPDX-License-Identifier: MIT
// Drives a fuzz target where there is no libFuzzer:
//
//   fuzz_NAME FILE|FOLDER...                                  each file once
//   fuzz_NAME [--seed N] [--runs N] [--seconds N] [--max-len N] [--timeout N]
//             [--artifacts FOLDER] [FILE|FOLDER...]             random inputs, mutants of the files
//
// The same seed gives the same inputs. One that fails, or takes longer than the timeout (30 s), is
// written into the folder of artifacts, the current one unless given.
//
// Exit status: 0 none failed, 70 one did, 2 wrong arguments.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <sys/time.h>
#include <unistd.h>
#include <vector>

#ifdef EDDY_FUZZ_WITH_DOCTEST
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#endif

#include "fuzz.hpp"

// Sanitizers end the process in their own way, after having called this.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

using Input = std::vector<std::uint8_t>;

struct Options {
    std::uint64_t seed = 1;
    std::optional<std::uint64_t> runs;
    std::optional<std::uint64_t> seconds;
    std::uint64_t max_length = 512;
    std::uint64_t timeout = 30;
    std::string artifacts = ".";
    std::vector<std::filesystem::path> paths;
};

// The input that runs, for handlers of signals.
const std::uint8_t* current_data = nullptr;
std::size_t current_size = 0;
std::uint64_t runs_done = 0;
std::array<char, 1024> artifact_path{};
std::uint64_t timeout_seconds = 0;
volatile std::sig_atomic_t seconds_in_this_run = 0;
volatile std::sig_atomic_t failed = 0;

void say(const char* text) {
    const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
    static_cast<void>(written);
}

/// Keeps the input. Only what a handler of a signal may do, but for the number's text.
void keep_input() {
    if (current_data == nullptr || failed != 0) {
        return;
    }
    failed = 1;
    const int file = ::open(artifact_path.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool kept = file >= 0;
    for (std::size_t done = 0; kept && done < current_size;) {
        const auto part = ::write(file, current_data + done, current_size - done);
        kept = part > 0;
        done += kept ? static_cast<std::size_t>(part) : 0;
    }
    if (file >= 0) {
        ::close(file);
    }
    std::array<char, 32> number{};
    std::to_chars(number.data(), number.data() + number.size() - 1, runs_done);
    say("fuzz: failed in run ");
    say(number.data());
    say(kept ? "; replay it with this file:\nfuzz: found " : "; could not write ");
    say(artifact_path.data());
    say("\n");
}

void fail_with(const char* why) {
    say("fuzz: ");
    say(why);
    say("\n");
    keep_input();
    ::_exit(70);
}

void on_signal(int number) { fail_with(number == SIGABRT ? "aborted" : "a fatal signal"); }

void on_second(int) {
    seconds_in_this_run = seconds_in_this_run + 1;
    if (static_cast<std::uint64_t>(seconds_in_this_run) >= timeout_seconds) {
        fail_with("it hangs");
    }
}

void watch(const Options& options) {
    timeout_seconds = options.timeout;
    static std::array<char, 64UL * 1024> stack;  // for a stack that has overflown
    stack_t alternative{};
    alternative.ss_sp = stack.data();
    alternative.ss_size = stack.size();
    ::sigaltstack(&alternative, nullptr);
    struct sigaction action{};
    action.sa_handler = &on_signal;
    action.sa_flags = SA_ONSTACK;
    const bool sanitized = &__sanitizer_set_death_callback != nullptr;
    if (sanitized) {
        __sanitizer_set_death_callback(&keep_input);
    }
    ::sigaction(SIGABRT, &action, nullptr);
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
        if (!sanitized) {
            ::sigaction(number, &action, nullptr);
        }
    }
    std::atexit([] {
        if (current_data != nullptr) {
            fail_with("the target ended the process");
        }
    });
    action.sa_handler = &on_second;
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    ::sigaction(SIGALRM, &action, nullptr);
    const itimerval each_second{{1, 0}, {1, 0}};
    ::setitimer(ITIMER_REAL, &each_second, nullptr);
}

/// An exception that leaves the target is a failure: std::terminate aborts.
void call(const Input& input) noexcept {
    static const std::uint8_t nothing = 0;
    current_size = input.size();
    current_data = input.empty() ? &nothing : input.data();
    seconds_in_this_run = 0;
    ++runs_done;
    LLVMFuzzerTestOneInput(current_data, current_size);
    current_data = nullptr;
}

std::vector<Input> load(const std::vector<std::filesystem::path>& paths) {
    std::vector<std::filesystem::path> files;
    for (const std::filesystem::path& path : paths) {
        if (!std::filesystem::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
            if (entry.is_regular_file()) {
                files.push_back(entry.path());
            }
        }
    }
    std::sort(files.begin(), files.end());
    std::vector<Input> inputs;
    for (const std::filesystem::path& file : files) {
        std::ifstream stream(file, std::ios::binary);
        if (!stream) {
            std::fprintf(stderr, "fuzz: cannot read %s\n", file.c_str());
            std::exit(2);
        }
        inputs.emplace_back(std::istreambuf_iterator<char>(stream),
                            std::istreambuf_iterator<char>());
    }
    return inputs;
}

/// Makes inputs: each depends on the seed and the ones before.
class Maker final {
public:
    Maker(const Options& options, std::vector<Input> corpus)
        : random_(options.seed),
          max_length_(static_cast<std::size_t>(options.max_length)),
          corpus_(std::move(corpus)) {}

    Input next() {
        if (corpus_.empty() || below(3) == 0) {
            return fresh();
        }
        Input input = corpus_[below(corpus_.size())];
        for (std::size_t i = below(6) + 1; i > 0; --i) {
            mutate(input);
        }
        input.resize(std::min(input.size(), max_length_));
        return input;
    }

private:
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
    std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }

    Input fresh() {
        // Half of them are short, where the odd case is near.
        const std::size_t most =
            below(2) == 0 ? std::min<std::size_t>(max_length_, 48) : max_length_;
        Input input(below(most + 1));
        const bool small_numbers = below(4) == 0;
        for (std::uint8_t& one : input) {
            one = small_numbers ? byte() % 16 : byte();
        }
        return input;
    }

    void mutate(Input& input) {
        const auto at = [&] { return static_cast<std::ptrdiff_t>(below(input.size() + 1)); };
        switch (below(input.empty() ? 1 : 6)) {
            case 0:
                input.insert(input.begin() + at(), byte());
                break;
            case 1:
                input[below(input.size())] = byte();
                break;
            case 2:
                input[below(input.size())] ^= static_cast<std::uint8_t>(1U << below(8));
                break;
            case 3: {
                const std::size_t from = below(input.size());
                const std::size_t count = std::min(below(8) + 1, input.size() - from);
                const auto first = input.begin() + static_cast<std::ptrdiff_t>(from);
                input.erase(first, first + static_cast<std::ptrdiff_t>(count));
                break;
            }
            case 4: {  // a part of itself, or of another, in between
                const Input other = below(2) == 0 ? input : corpus_[below(corpus_.size())];
                const std::size_t from = below(other.size() + 1);
                const std::size_t count = std::min(below(32), other.size() - from);
                const auto first = other.begin() + static_cast<std::ptrdiff_t>(from);
                input.insert(
                    input.begin() + at(), first, first + static_cast<std::ptrdiff_t>(count));
                break;
            }
            default: {
                constexpr std::array<std::uint8_t, 6> odd = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
                input[below(input.size())] = odd[below(odd.size())];
                break;
            }
        }
    }

    std::mt19937_64 random_;
    std::size_t max_length_;
    std::vector<Input> corpus_;
};

std::optional<std::uint64_t> number(const char* text) {
    std::uint64_t value = 0;
    const char* const end = text + std::strlen(text);
    const auto [stopped, error] = std::from_chars(text, end, value);
    return error == std::errc() && stopped == end ? std::optional(value) : std::nullopt;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name.substr(0, 2) != "--") {
            options.paths.emplace_back(name);
            continue;
        }
        const char* const text = i + 1 < argc ? argv[++i] : "";
        if (name == "--artifacts") {
            options.artifacts = text;
            continue;
        }
        const std::optional<std::uint64_t> value = number(text);
        bool known = value.has_value();
        if (name == "--seed") {
            options.seed = value.value_or(0);
        } else if (name == "--runs") {
            options.runs = value;
        } else if (name == "--seconds") {
            options.seconds = value;
        } else if (name == "--max-len") {
            options.max_length = value.value_or(0);
        } else if (name == "--timeout") {
            options.timeout = value.value_or(0);
        } else {
            known = false;
        }
        if (!known) {
            std::fprintf(
                stderr, "fuzz: what is %s %s? See tests/fuzz/driver.cpp\n", argv[i - 1], text);
            std::exit(2);
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const std::string program = std::filesystem::path(argv[0]).filename();
    std::snprintf(artifact_path.data(),
                  artifact_path.size(),
                  "%s/%s-%ld.input",
                  options.artifacts.c_str(),
                  program.c_str(),
                  static_cast<long>(::getpid()));
    std::vector<Input> corpus = load(options.paths);
    watch(options);

    using Clock = std::chrono::steady_clock;
    const Clock::time_point begun = Clock::now();
    const auto seconds = [&] {
        return std::chrono::duration<double>(Clock::now() - begun).count();
    };
    for (const Input& input : corpus) {
        call(input);
    }
    if (options.runs || options.seconds) {
        Maker maker(options, std::move(corpus));
        const std::uint64_t most = options.runs.value_or(~std::uint64_t{0});
        const auto limit = static_cast<double>(options.seconds.value_or(1'000'000'000));
        for (std::uint64_t i = 0; i < most && seconds() < limit; ++i) {
            call(maker.next());
        }
    } else if (runs_done == 0) {
        std::fprintf(stderr, "fuzz: no input: give files, --runs or --seconds\n");
        return 2;
    }
    const double took = seconds();
    std::printf("%s: %llu inputs, none failed, %.0f a second\n",
                program.c_str(),
                static_cast<unsigned long long>(runs_done),
                static_cast<double>(runs_done) / std::max(took, 1e-9));
    return 0;
}
