// SPDX-License-Identifier: GPL-2.0-only
/* Pipes and sockets: bytes that pass through the kernel's own pages. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define CHUNK 100000UL
#define CHUNKS 10
#define DEFAULT_PIPE_PAGES 16	/* include/linux/pipe_fs_i.h, PIPE_DEF_BUFFERS */

static unsigned char chunk[CHUNK];

static void send_all(int fd)
{
	fill(chunk, CHUNK);
	for (int i = 0; i < CHUNKS; i++)
		for (size_t done = 0; done < CHUNK;)
			done += must(write(fd, chunk + done, CHUNK - done));
	close(fd);
}

static void receive_all(int fd)
{
	for (int i = 0; i < CHUNKS; i++) {
		for (size_t done = 0; done < CHUNK;) {
			ssize_t count = must(read(fd, chunk + done, CHUNK - done));

			expect_least("bytes received", 1, count);
			done += count;
		}
		expect_pattern("stream", chunk, CHUNK);
	}
	expect_equal("bytes after the end", 0, must(read(fd, chunk, 1)));
	close(fd);
}

static void transfer(int from, int to)
{
	pid_t child = must(fork());

	if (!child) {
		close(to);
		send_all(from);
		_exit(0);
	}
	close(from);
	receive_all(to);
	expect_exit(child, 0);
}

static void check_pipe(void)
{
	int ends[2];

	must(pipe(ends));
	expect_equal("capacity", DEFAULT_PIPE_PAGES * page_size, fcntl(ends[0], F_GETPIPE_SZ));
	expect_equal("smallest capacity", page_size, must(fcntl(ends[0], F_SETPIPE_SZ, 1)));
	must(fcntl(ends[1], F_SETFL, O_NONBLOCK));
	fill(chunk, CHUNK);
	expect_equal("bytes that fit", page_size, must(write(ends[1], chunk, page_size)));
	expect_error("write to a full pipe", EAGAIN, write(ends[1], chunk, 1));
	expect_equal("bytes read", page_size, must(read(ends[0], chunk, CHUNK)));
	expect_pattern("data", chunk, page_size);
	must(fcntl(ends[1], F_SETFL, 0));
	transfer(ends[1], ends[0]);
}

/* Whole pages change hands without a copy. */
static void check_splice(void)
{
	unsigned char *memory = map_anonymous(4 * page_size), *back = map_anonymous(4 * page_size);
	struct iovec range = { .iov_base = memory, .iov_len = 4 * page_size };
	int ends[2], file = must(memfd_create("anypage", 0));
	loff_t offset = 0;

	must(pipe(ends));
	fill(memory, 4 * page_size);
	expect_equal("bytes of vmsplice", 4 * page_size, must(vmsplice(ends[1], &range, 1, 0)));
	while (offset < (loff_t)(4 * page_size))
		must(splice(ends[0], NULL, file, &offset, 4 * page_size - offset, 0));
	expect_equal("bytes read", 4 * page_size, must(pread(file, back, 4 * page_size, 0)));
	expect_pattern("data", back, 4 * page_size);
}

static void check_unix(void)
{
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	transfer(ends[0], ends[1]);
	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	fill(chunk, CHUNK);
	expect_equal("bytes sent", CHUNK, must(send(ends[0], chunk, CHUNK, 0)));
	memset(chunk, 0, CHUNK);
	expect_equal("bytes received", CHUNK, must(recv(ends[1], chunk, CHUNK, 0)));
	expect_pattern("datagram", chunk, CHUNK);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0));

	must(ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address loopback(int family)
{
	union address address = { .any.sa_family = family };

	if (family == AF_INET)
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		address.v6.sin6_addr = in6addr_loopback;
	return address;
}

/* A socket bound to a free port; *address says which. */
static int bound_socket(int type, union address *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(address->any.sa_family, type, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		skip("address family %d is not in this kernel", address->any.sa_family);
	must(fd);
	must(bind(fd, &address->any, length));
	must(getsockname(fd, &address->any, &length));
	return fd;
}

static void tcp(int family)
{
	union address address = loopback(family);
	int server, client, peer;

	loopback_up();
	server = bound_socket(SOCK_STREAM, &address);
	must(listen(server, 1));
	client = must(socket(family, SOCK_STREAM, 0));
	must(connect(client, &address.any, sizeof(address)));
	peer = must(accept(server, NULL, NULL));
	transfer(client, peer);
}

static void check_tcp(void)
{
	tcp(AF_INET);
}

static void check_tcp6(void)
{
	tcp(AF_INET6);
}

/* The largest datagram comes in fragments. */
static void check_udp(void)
{
	union address address = loopback(AF_INET);
	size_t length = 65507;
	int server, client;

	loopback_up();
	server = bound_socket(SOCK_DGRAM, &address);
	client = must(socket(AF_INET, SOCK_DGRAM, 0));
	fill(chunk, length);
	expect_equal("bytes sent", length, must(sendto(client, chunk, length, 0, &address.any,
						       sizeof(address.v4))));
	memset(chunk, 0, length);
	expect_equal("bytes received", length, must(recv(server, chunk, CHUNK, 0)));
	expect_pattern("datagram", chunk, length);
}

/* Pages of a file go into the socket as they are. */
static void check_tcp_sendfile(void)
{
	union address address = loopback(AF_INET);
	int server, client, peer, file = must(memfd_create("anypage", 0));
	off_t offset = 0;

	loopback_up();
	server = bound_socket(SOCK_STREAM, &address);
	must(listen(server, 1));
	client = must(socket(AF_INET, SOCK_STREAM, 0));
	must(connect(client, &address.any, sizeof(address.v4)));
	peer = must(accept(server, NULL, NULL));
	fill(chunk, CHUNK);
	must(write(file, chunk, CHUNK));
	memset(chunk, 0, CHUNK);
	for (size_t done = 0; done < CHUNK;) {
		if (offset < (off_t)CHUNK)
			must(sendfile(client, file, &offset, CHUNK - offset));
		done += must(read(peer, chunk + done, CHUNK - done));
	}
	expect_pattern("stream", chunk, CHUNK);
}

const struct check ipc_checks[] = {
	{ "pipe.capacity", check_pipe },
	{ "pipe.splice", check_splice },
	{ "socket.unix", check_unix },
	{ "socket.tcp", check_tcp },
	{ "socket.tcp6", check_tcp6 },
	{ "socket.udp", check_udp },
	{ "socket.tcp_sendfile", check_tcp_sendfile },
	{ }
};
