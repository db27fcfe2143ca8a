"""`python _sink.py PORT`: an SMTP server that takes all mail and throws it away, with PIPELINING.

Stands in for postfix' smtp-sink where there is none. It looks at no more than it must to tell
commands from mail, so that what is measured is the sender.
"""

import asyncio
import sys

GREETING = b"220 sink\r\n"
END = b"\r\n.\r\n"
ANSWERS = {
    b"EHLO": b"250-sink\r\n250 PIPELINING\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Sink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = b""
        self.is_mail = False
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        answers = b""
        while True:
            line, found, rest = self.waiting.partition(END if self.is_mail else b"\r\n")
            if not found:
                break
            self.waiting = rest
            if self.is_mail:
                self.is_mail = False
                answers += b"250 taken\r\n"
                continue
            command = line[:4].upper()
            self.is_mail = command == b"DATA"
            answers += ANSWERS.get(command, b"250 ok\r\n")
        if answers:
            self.transport.write(answers)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
