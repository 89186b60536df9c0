"""Certificates for tests: an authority that signs them, files that are replaced whole."""
import datetime
import ipaddress

import pytest

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates; its own is `path`."""

    def __init__(self, folder, name="test authority"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self.build(self.name, self.key.public_key(), authority=True)
        self.path = folder / f"{name.replace(' ', '-')}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def build(self, name, public_key, authority=False, days=(-1, 30)):
        now = datetime.datetime.now(datetime.timezone.utc)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (x509.CertificateBuilder().subject_name(name).issuer_name(self.name)
                .public_key(public_key).serial_number(x509.random_serial_number())
                .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
                .add_extension(x509.BasicConstraints(authority, None), critical=True)
                .add_extension(x509.SubjectAlternativeName(names), critical=False)
                .sign(self.key, hashes.SHA256()))

    def sign(self, name, passphrase=None, **more):
        """A pair of files, name.pem and name.key, replaced as certbot does it: by rename."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self.build(subject, key.public_key(), **more)
        cover = (serialization.BestAvailableEncryption(passphrase) if passphrase
                 else serialization.NoEncryption())
        pair = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        put(pair[0], certificate.public_bytes(serialization.Encoding.PEM))
        put(pair[1], key.private_bytes(serialization.Encoding.PEM,
                                       serialization.PrivateFormat.PKCS8, cover))
        return pair


def put(path, content):
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)
