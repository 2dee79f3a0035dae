// @stillhouse/transport: links over WebSocket, and the system clock.
export { systemClock } from './system-clock.js';
export { webSocketTransport } from './websocket.js';
