// SPDX-License-Identifier: MIT
// The function of a flight is not given the key.

#include <string>

#include <eddy/single_flight.hpp>
#include <eddy/task.hpp>

using Flights = eddy::SingleFlight<std::string, int>;
eddy::Task<int> fetch(std::string key);

eddy::Task<> correct(Flights& flights, std::string key) { co_await flights.get(key, fetch, key); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(Flights& flights, std::string key) { co_await flights.get(key, fetch); }
#endif
