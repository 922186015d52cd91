"""An application served by a thread of the test."""

import threading

from wellkeeper.engine import loopback


class ThreadServer:
    """It listens once it is made, until it is closed."""

    def __init__(self, uvicorn, application):
        self.socket = loopback.listen(0)
        self.server = uvicorn.Server(
            uvicorn.Config(application, log_level="warning", access_log=False, lifespan="off")
        )
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()

    def address(self, token):
        return loopback.address_of(self.socket, token)

    def close(self):
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()
