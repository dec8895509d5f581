"""What the tests of real clients stand on: a simulated cloud, a simulated S3, a home of their own, and the programs.

Nothing here touches the home of the person who runs the tests, and every socket is on 127.0.0.1 and a free port, or in a
network of the tests' own (`namespace`).
"""
