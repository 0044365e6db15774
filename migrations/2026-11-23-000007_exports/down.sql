DROP TABLE orders.export_chunks, orders.exports;
