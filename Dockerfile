FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DJANGO_DEBUG=0 \
    DATA_DIR=/data

RUN useradd --system --uid 10001 --home-dir /app signalscope \
    && install --directory --owner signalscope /data

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
# Key and data folder are for this step alone: collectstatic signs nothing, and what it records is not kept.
RUN DJANGO_SECRET_KEY=only-for-collectstatic DATA_DIR=/tmp python manage.py collectstatic --noinput \
    && rm -f /tmp/*.sqlite3*

USER signalscope
VOLUME /data
EXPOSE 8000

# A static file: answered by Django's whole stack, and left out of the journal. The header says what
# a TLS proxy would say, or the answer were a redirect to https.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "\
from urllib.request import Request, urlopen; \
urlopen(Request('http://127.0.0.1:8000/static/admin/css/base.css', headers={'X-Forwarded-Proto': 'https'}), timeout=4)"]

CMD ["sh", "-c", "python manage.py migrate --noinput && exec daphne -b 0.0.0.0 -p 8000 config.asgi:application"]
